from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path

import pytest

from blender.errors import BadInput
from blender.pooling import duplicate_key
from blender.training.proxy.corpus import Said, read_said, split, with_context


@pytest.mark.slow
def test_no_conversation_and_no_text_is_in_two_parts() -> None:
    parts = split(read_said("pkg:chitchat_dataset", 1, 40), rows=20_000, held_out=2_000, seed=0)
    assert [len(part) for part in parts.all[:3]] == [20_000, 2_000, 2_000]
    assert len(parts.counted) > 50_000
    for one, other in combinations(parts.all, 2):
        assert not {said.chat for said in one} & {said.chat for said in other}
        assert not {duplicate_key(said.text) for said in one} & {duplicate_key(said.text) for said in other}


def of_chats(chats: int, turns: int) -> list[Said]:
    return [
        Said(text=f"phrase {turn} of {chat}", turns=("before",), chat=chat)
        for chat in range(chats)
        for turn in range(turns)
    ]


def test_the_seed_draws_the_conversations() -> None:
    said = of_chats(300, 5)
    assert split(said, 500, 150, seed=1) == split(said, 500, 150, seed=1)
    assert split(said, 500, 150, seed=1).test != split(said, 500, 150, seed=2).test


def test_a_third_of_a_small_corpus_is_only_counted() -> None:
    parts = split(of_chats(300, 5), rows=20_000, held_out=150, seed=0)
    assert len(parts.train) == 800
    assert len(parts.counted) == 400


@pytest.mark.parametrize(("chats", "turns"), [(1, 1), (1, 5_000), (50, 5)])
def test_too_few_phrases_or_conversations_are_refused(chats: int, turns: int) -> None:
    with pytest.raises(BadInput, match=r"too few to train and judge a proxy.*give 1,000 or more"):
        split(of_chats(chats, turns), rows=1_000, held_out=100, seed=0)


def test_a_text_counts_once_however_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "phrases.csv"
    path.write_text("context,reply\nHi,Sooo nice!\nYo,soo nice\nHi,Not so nice.\n")
    assert [one.text for one in read_said(path, 1, 40)] == ["Sooo nice!", "Not so nice."]
    with pytest.raises(BadInput, match="no phrase of 7 to 9 words"):
        read_said(path, 7, 9)


def test_rows_of_a_table_are_conversations_whatever_their_contexts(tmp_path: Path) -> None:
    rows = [{"context": ["Hi", f"And {at}?"], "reply": f"It is {at}."} for at in range(3_000)]
    path = tmp_path / "table.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = read_said(path, 1, 40)
    assert len({one.chat for one in said}) == 3_000
    assert len(split(said, 1_000, 300, seed=0).test) == 300


def test_phrases_without_context_make_no_pairs(tmp_path: Path) -> None:
    path = tmp_path / "phrases.csv"
    path.write_text("context,reply\n,Nothing before.\nHi,Something before.\n")
    assert [one.text for one in with_context(read_said(path, 1, 40), 10)] == ["Something before."]
