"""Weak labels: the true next turn against others, in random places."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from blender.errors import BadInput, BlendError
from blender.judging.conversations import conversations
from blender.judging.labels import read_labels
from blender.training.bootstrap import BootstrapSettings, bootstrap_labels

TOPICS = ["otters", "violins", "volcanoes", "sourdough", "chess", "glaciers", "bicycles", "orchids"]


@pytest.fixture
def dialogues(tmp_path: Path) -> Path:
    path = tmp_path / "talk.jsonl"
    lines = [
        {
            "turns": [
                f"Do you like {t} number {n}?",
                f"I love {t}, all {n} of them.",
                f"Why {t}?",
                f"Since {t} are {n} times fun.",
            ]
        }
        for n in range(6)
        for t in TOPICS
    ]
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


def rows_of(path: Path) -> dict[str, list[dict[str, Any]]]:
    pools: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in path.read_text().splitlines():
        row = json.loads(line)
        pools[row["dialog_id"]].append(row)
    return pools


def test_each_context_has_its_true_answer_once(dialogues: Path, tmp_path: Path) -> None:
    truth: dict[str, str] = {}
    for line in dialogues.read_text().splitlines():
        turns = json.loads(line)["turns"]
        truth |= {"\n".join(turns[:at]): turns[at] for at in range(1, len(turns))}
    out = tmp_path / "weak.jsonl"
    assert bootstrap_labels(dialogues, out, BootstrapSettings(contexts=50)) == 50
    pools = rows_of(out)
    assert len(pools) == 50
    for rows in pools.values():
        right = [row["response"] for row in rows if row["sensible"] == 1]
        assert right == [truth["\n".join(rows[0]["context"])]]
        assert len({row["response"].lower() for row in rows}) == len(rows) >= 4


def test_the_true_answer_has_no_fixed_place_and_no_source_of_its_own(dialogues: Path, tmp_path: Path) -> None:
    bootstrap_labels(dialogues, tmp_path / "weak.jsonl", BootstrapSettings(contexts=100))
    pools = rows_of(tmp_path / "weak.jsonl").values()
    places = {next(at for at, row in enumerate(rows) if row["sensible"] == 1) for rows in pools}
    assert len(places) >= 4
    assert {row["source"] for rows in pools for row in rows} == {"dialogues"}


def test_hard_negatives_share_words_with_the_context(dialogues: Path, tmp_path: Path) -> None:
    bootstrap_labels(dialogues, tmp_path / "hard.jsonl", BootstrapSettings(random=0, hard=2, echo=False))
    for rows in rows_of(tmp_path / "hard.jsonl").values():
        topic = next(topic for topic in TOPICS if topic in rows[0]["context"][-1])
        assert all(topic in row["response"] for row in rows if row["sensible"] == 0)


def test_the_same_seed_gives_the_same_labels(dialogues: Path, tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        bootstrap_labels(dialogues, tmp_path / name, BootstrapSettings(contexts=30, seed=seed))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() != (tmp_path / "c").read_bytes()


def test_training_reads_them(dialogues: Path, tmp_path: Path) -> None:
    bootstrap_labels(dialogues, tmp_path / "weak.jsonl", BootstrapSettings(contexts=30))
    pools = read_labels(tmp_path / "weak.jsonl")
    assert len(pools) == 30
    assert all(pool.sensible.max() == 1 and pool.sensible.min() == 0 for pool in pools)


def test_contexts_of_a_long_conversation_are_never_parted(tmp_path: Path) -> None:
    path = tmp_path / "long.jsonl"
    chats = [{"turns": [f"Turn {turn} of chat {chat} says so." for turn in range(12)]} for chat in (*range(6), 0)]
    path.write_text("\n".join(map(json.dumps, chats)))
    bootstrap_labels(path, tmp_path / "weak.jsonl")
    pools = read_labels(tmp_path / "weak.jsonl")
    named = {
        (re.findall(r"chat \d", pool.pool.dialog.texts[0])[0], key)
        for pool, key in zip(pools, conversations(pools), strict=True)
    }
    assert len(pools) == 7 * 11
    assert len(named) == 6, "one key for each conversation, a copy included"


def test_a_row_that_is_one_phrase_states_no_conversation(tmp_path: Path) -> None:
    path = tmp_path / "table.jsonl"
    rows = [{"context": f"What of number {at}, please?", "reply": f"It is {at}, I think."} for at in range(30)]
    path.write_text("\n".join(map(json.dumps, rows)))
    bootstrap_labels(path, tmp_path / "weak.jsonl")
    assert not any(pool.slices for pool in read_labels(tmp_path / "weak.jsonl"))


def test_too_few_dialogues_and_impossible_settings(tmp_path: Path) -> None:
    path = tmp_path / "short.jsonl"
    path.write_text('{"turns": ["Hi there!", "Hello you."]}\n')
    with pytest.raises(BadInput, match="holds 1 turns that answer something"):
        bootstrap_labels(path, tmp_path / "weak.jsonl")
    assert not (tmp_path / "weak.jsonl").exists()
    with pytest.raises(BadInput, match="at least one context and one negative"):
        BootstrapSettings(random=0, hard=0)


def test_no_true_reply_to_the_context_is_a_wrong_one(tmp_path: Path) -> None:
    path = tmp_path / "talk.jsonl"
    asked = [f"Do you like {topic}?" for topic in TOPICS]
    lines = [
        {"turns": [turn, f"{kind} of course I like that, {turn}"]} for turn in asked for kind in ("Yes,", "No,", "Oh,")
    ]
    path.write_text("\n".join(map(json.dumps, lines)))
    bootstrap_labels(path, tmp_path / "weak.jsonl", BootstrapSettings(hard=4, random=2))
    for rows in rows_of(tmp_path / "weak.jsonl").values():
        turn = rows[0]["context"][-1]
        assert all(row["sensible"] for row in rows if row["response"].endswith(turn) and row["response"] != turn)


def test_replaced_labels_keep_their_permissions_and_new_ones_get_the_usual(
    dialogues: Path, tmp_path: Path, usual_mask: int
) -> None:
    old, new = tmp_path / "old.jsonl", tmp_path / "new.jsonl"
    old.touch()
    old.chmod(0o600)
    for path in (old, new):
        bootstrap_labels(dialogues, path, BootstrapSettings(contexts=5))
    assert [path.stat().st_mode & 0o777 for path in (old, new)] == [0o600, 0o666 & ~usual_mask]
    with pytest.raises(BlendError, match=r"weak\.jsonl cannot be written: File exists"):
        bootstrap_labels(dialogues, old / "weak.jsonl", BootstrapSettings(contexts=5))
