from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from blender.errors import BadInput
from blender.sampling.conversations import Conversation, Said, read_corpus


def read(path: Path, content: str) -> list[Conversation]:
    path.write_text(content, encoding="utf-8")
    return list(read_corpus(path, "en")[1])


def texts(conversation: Conversation) -> list[str]:
    return [each.text for each in conversation.said]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("c.jsonl", '{"turns": ["Hi!", {"text": " Hello,\\n you."}, "Bye."]}'),
        (
            "c.json",
            '{"x": {"messages": [[{"text": "Hi!"}], [{"text": "Hello,"}, {"text": "you."}], [{"text": "Bye."}]]}}',
        ),
        ("c.txt", "- Hi!\n- Hello,\nyou.\n- Bye.\n\n"),
        ("c.csv", 'context,reply\n"Hi!\nHello, you.",Bye.\n'),
        ("c.jsonl", '{"context": ["Hi!", "Hello, you."], "reply": "Bye."}'),
    ],
)
def test_every_form_of_a_corpus_gives_its_conversations(name: str, content: str, tmp_path: Path) -> None:
    (one,) = read(tmp_path / name, content)
    assert texts(one) == ["Hi!", "Hello, you.", "Bye."]
    assert one.id.startswith("c-") and one.locale == "en"
    assert one.cuts(1, 12) == [1, 2]


def test_a_row_says_its_id_and_language(tmp_path: Path) -> None:
    (one,) = read(tmp_path / "c.jsonl", '{"dialog_id": 7, "language": "ru", "turns": ["Привет!", "Привет."]}')
    assert (one.id, one.locale) == ("7", "ru")
    (one,) = read(tmp_path / "c.csv", "id,context,reply\n7,Hi!,Hello.\n")
    assert one.id == "7"


def test_a_context_that_waits_is_not_cut_and_has_no_reference(tmp_path: Path) -> None:
    (one,) = read(tmp_path / "c.jsonl", '{"context": ["Hi!", "Hello.", "Well?"]}')
    assert one.cuts(1, 12) == [3]
    assert one.context(3).reference is None
    (single,) = read(tmp_path / "c.jsonl", '{"turns": ["Hi!"]}')
    assert single.cuts(1, 12) == [1]


def test_contexts_end_with_a_human_turn() -> None:
    known = Conversation(
        id="x", said=tuple(Said(text=s, speaker=s) for s in ("user", "assistant", "user", "user", "bot"))
    )
    assert known.cuts(1, 12) == [1, 3, 4]
    assert [turn.speaker for turn in known.context(4).dialog.turns] == ["human", "bot", "human", "human"]
    named = Conversation(id="x", said=tuple(Said(text=s, speaker=s) for s in ("Ann", "Bob", "Bob", "Ann")))
    assert named.cuts(1, 12) == [1, 3], "after turn 2 Bob himself went on"
    assert [turn.speaker for turn in named.context(3).dialog.turns] == ["bot", "human", "human"]
    assert named.context(3).reference == "Ann"


def test_lengths_are_picked_by_bucket_first() -> None:
    long = Conversation(id="x", said=tuple(Said(text=f"t{n}") for n in range(13)))
    picked = [long.pick(1, 12, Random(n)) for n in range(600)]  # noqa: S311
    sizes = [len(task.dialog.turns) for task in picked if task]
    share = sum(size == 1 for size in sizes) / len(sizes)
    assert 0.18 < share < 0.32  # one of four buckets; one of twelve lengths would be 0.08
    assert set(sizes) == set(range(1, 13))


def test_all_wrong_rows_are_told_together(tmp_path: Path) -> None:
    rows = [
        '{"turns": ["Hi!", "Yo."]}',
        "rubbish",
        '{"turns": []}',
        '{"turns": ["Hi!", " "]}',
        '{"turns": [1]}',
        '{"a": 1}',
    ]
    with pytest.raises(BadInput) as caught:
        read(tmp_path / "c.jsonl", "\n".join(rows))
    assert [problem.split(" ")[0] for problem in caught.value.problems] == [f"c.jsonl:{n}:" for n in range(2, 7)]


def test_a_corpus_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no phrase file"):
        read_corpus(tmp_path / "none.jsonl")
