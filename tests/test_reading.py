from __future__ import annotations

import io
import tracemalloc

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender.errors import BadInput
from blender.problems import MOST_PROBLEMS
from blender.reading import check_tasks, parse_task, read_tasks, task_row
from blender.records import Candidate, Turn


def lines(*rows: object) -> io.BytesIO:
    return io.BytesIO(b"".join((row if isinstance(row, bytes) else msgspec.json.encode(row)) + b"\n" for row in rows))


def test_strings_alternate_and_the_last_is_the_humans() -> None:
    task = parse_task(b'{"id": "d1", "turns": ["Hi!", "Hello.", "Any plans?"], "facts": ["I hike."]}')
    assert [turn.speaker for turn in task.dialog.turns] == ["human", "bot", "human"]
    assert (task.dialog.id, task.dialog.facts, task.candidates) == ("d1", ("I hike.",), None)


def test_turns_may_say_their_speaker_and_context_is_another_name() -> None:
    task = parse_task(b'{"context": [{"speaker": "human", "text": "a"}, {"speaker": "human", "text": "b"}]}', 7)
    assert task.dialog.turns == (Turn(speaker="human", text="a"), Turn(speaker="human", text="b"))
    assert task.dialog.id == "line-7"


def test_candidates_keep_their_order_and_fields() -> None:
    own = {
        "text": "Yo",
        "source": "me",
        "kind": "retrieval",
        "score": 0.5,
        "matched": "Hey!",
        "evidence": ["A greeting."],
    }
    row = {"turns": "Hi!", "candidates": ["Hello.", own | {"rank": 5, "features": {"price": 2, "clicks": None}}, own]}
    fields = {**own, "evidence": ("A greeting.",)}
    assert parse_task(msgspec.json.encode(row)).candidates == (
        Candidate(text="Hello."),
        Candidate(**fields, rank=5, features={"price": 2}),  # type: ignore[arg-type]
        Candidate(**fields, rank=2),  # type: ignore[arg-type]
    )


def test_a_task_comes_back_from_its_row() -> None:
    row = {
        "id": "",
        "turns": ["Hi!"],
        "facts": ["I hike."],
        "locale": "ru",
        "slices": {"cluster": "3"},
        "reference": "Yo",
    }
    task = parse_task(msgspec.json.encode(row))
    assert (task.dialog.id, task.slices, task.reference) == ("", {"cluster": "3"}, "Yo")
    assert parse_task(msgspec.json.encode(task_row(task))) == task


def test_an_empty_pool_is_not_the_same_as_no_pool() -> None:
    assert parse_task(b'{"turns": "Hi!", "candidates": []}').candidates == ()
    assert parse_task(b'{"turns": "Hi!"}').candidates is None


def test_the_locale_of_the_blender_holds_unless_the_row_says_its_own() -> None:
    assert parse_task(b'{"turns": "Hi!"}', locale="ru").dialog.locale == "ru"
    assert parse_task(b'{"turns": "Hi!", "locale": "en"}', locale="ru").dialog.locale == "en"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"turn": ["a"]}', "unknown field `turn`"),
        (b"{}", "turns (or context) is missing"),
        (b'{"turns": []}', "at least one turn"),
        (b'{"turns": ["  "]}', "white space"),
        (b'{"turns": "a", "context": "a"}', "two names of one thing"),
        (b'{"turns": [{"speaker": "bot", "text": "x"}]}', "end with a human turn"),
        (b'{"turns": [{"speaker": "cat", "text": "x"}]}', "$.turns[0].speaker"),
        (b'{"turns": [3]}', "got `int`"),
        (
            b'{"turns": "a", "candidates": [{"text": "b", "sensible": 1}]}',
            "a candidate with a label is a row of its own",
        ),
        (b'{"turns": "a\\u0000b"}', "NUL"),
        (rb'{"turns": "a \ud800 b"}', "lone surrogate"),
        (b'\xef\xbb\xbf{"turns": "Hi!"}', "begins with a byte order mark; remove it"),  # files joined to one
        ('{"turns": "Hi!"}'.encode("utf-16"), "not UTF-8 at byte 0"),
        (b'{"turns": "\xff"}', "not UTF-8"),
        (b'{"turns": "a"', "not JSON"),
        (b'["a"]', "Expected `object`"),
        (b'{"turns": "a", "candidates": [{"text": "b", "kind": "z"}]}', "kind"),
        (b'{"turns": "a", "candidates": [{"text": "b", "rank": -1}]}', "counts from 0"),
        (b'{"turns": "a", "candidates": [{"text": "b", "score": NaN}]}', "NaN"),
    ],
)
def test_bad_rows_say_what_is_wrong(line: bytes, said: str) -> None:
    with pytest.raises(BadInput) as fault:
        parse_task(line)
    assert said in str(fault.value)


def test_all_problems_of_a_file_come_together_with_their_lines() -> None:
    file = lines({"turns": "a", "id": "x"}, {"turns": []}, b"", b"{", {"turns": "b", "id": "x"}, {"turns": ["a", " "]})
    with pytest.raises(BadInput) as fault:
        check_tasks(file, "mine.jsonl")
    assert [problem.split(": ")[0] for problem in fault.value.problems] == [
        "mine.jsonl, line 2", "mine.jsonl, line 4", "mine.jsonl, line 5", "mine.jsonl, line 6"
    ]  # fmt: skip
    assert "was used on line 1" in fault.value.problems[2]


def test_several_problems_of_one_row_are_all_listed() -> None:
    with pytest.raises(BadInput) as fault:
        parse_task(b'{"turns": [], "candidates": ["a", "\\u0000", {"text": "b", "rank": -1}]}')
    assert [problem.split()[0:2] for problem in fault.value.problems[1:]] == [["candidate", "1:"], ["candidate", "2:"]]
    assert len(fault.value.problems) == 3


def test_a_file_of_rubbish_does_not_fill_the_memory() -> None:
    with pytest.raises(BadInput) as fault:
        check_tasks((b"{" for _ in range(MOST_PROBLEMS + 234)), "rubbish")
    assert len(fault.value.problems) == MOST_PROBLEMS + 1
    assert fault.value.problems[-1] == "... and 234 problems more"


def test_candidates_can_be_required() -> None:
    with pytest.raises(BadInput, match="mine, line 2: candidates are missing"):
        check_tasks(lines({"turns": "a", "candidates": ["b"]}, {"turns": "a"}), "mine", candidates=True)


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(BadInput, match="holds no dialog"):
        check_tasks(lines(b"", b"  "), "none")


def test_a_byte_order_mark_and_blank_lines_are_passed_over() -> None:
    file = lines(b'\xef\xbb\xbf{"turns": "a"}', b"", {"turns": "b"})
    assert check_tasks(file, "f") == 2
    file.seek(0)
    assert [(task.line, task.dialog.last) for task in read_tasks(file, "f")] == [(1, "a"), (3, "b")]


def test_memory_does_not_grow_with_the_file() -> None:
    def peak(rows: int) -> int:
        tracemalloc.start()
        check_tasks(
            (b'{"turns": "%d", "id": "a rather long id that would add up %d"}' % (n, n) for n in range(rows)), "f"
        )
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    peak(10)
    assert peak(6_000) < peak(300) + 50_000  # 6,000 ids held as text would be over half a megabyte


@given(st.binary(max_size=60) | st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_nothing_but_bad_input_is_raised(line: bytes) -> None:
    try:
        parse_task(line)
    except BadInput as fault:
        assert fault.problems


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1), min_size=1))
def test_texts_come_back_as_they_were_written(turns: list[str]) -> None:
    row = msgspec.json.encode({"turns": turns})
    if all(turn.strip() for turn in turns):
        assert parse_task(row).dialog.texts == tuple(turns)
    else:
        with pytest.raises(BadInput):
            parse_task(row)
