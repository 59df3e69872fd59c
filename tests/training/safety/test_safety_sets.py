"""The readers, on rows in the form of the authors' files; and what they must not do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from blender.errors import BadInput
from blender.training.safety.sets import READERS, read_set


def turn(number: int, text: str, label: str, **stance: str) -> dict[str, object]:
    return {"turn_id": number, "text": text, "offense_label": label, **stance}


@pytest.fixture
def toxichat(tmp_path: Path) -> Path:
    row = {
        "reddit_thread": [turn(1, " Title: They are  scum ", "Offensive"), turn(2, "Why?", "Safe")],
        "final_dgpt_response": turn(3, "So true.", "Safe", stance_label_towards_turn_1="Agree"),
        "final_gpt3_response": turn(3, "Be kind &amp; calm.", "Safe", stance_label_towards_turn_1="Disagree"),
    }
    (tmp_path / "toxichat").mkdir()
    for part in ("train", "dev", "test"):
        lines = json.dumps(row) if part == "train" else ""
        (tmp_path / "toxichat" / f"{part}.jsonl").write_text(lines, encoding="utf-8")
    return tmp_path


def test_toxichat_gives_every_turn_with_those_before(toxichat: Path) -> None:
    rows = read_set(toxichat, "toxichat")
    assert [(row.answer, len(row.context), row.learn_only) for row in rows] == [
        ("They are scum", 0, True),
        ("Why?", 1, False),
        ("So true.", 2, False),
        ("Be kind & calm.", 2, False),
    ]
    assert [row.toxic for row in rows] == [True, False, False, False]
    assert [row.agrees for row in rows] == [False, False, True, False], "agreeing with the offence two turns before"
    assert len({row.group for row in rows}) == 1


def test_convabuse_takes_the_majority(tmp_path: Path) -> None:
    folder = tmp_path / "convabuse"
    folder.mkdir()
    head = "prev_agent,prev_user,agent,user,bot," + ",".join(
        f"Annotator{rater}_is_abuse.{vote}" for rater in (1, 2, 3) for vote in (1, 0, -1, -2, -3)
    )
    votes = {
        "clean": "1,,,,,,,1,,,1,,,,",
        "foul": ",,,1,,,,,,1,1,,,,",
        "tie": "1,,,,,,,1,,,,,,,",
        "nobody": ",,,,,,,,,,,,,,",
    }
    body = [f"_,,How are you?,{name},E.L.I.Z.A.,{vote}" for name, vote in votes.items()]
    for part in ("train", "valid", "test"):
        lines = body if part == "train" else []
        (folder / f"ConvAbuseEMNLP{part}.csv").write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    rows = read_set(tmp_path, "convabuse")
    assert {row.answer: row.toxic for row in rows} == {"clean": False, "foul": True, "tie": True}
    assert rows[0].context == ("How are you?",)


@pytest.mark.parametrize("name", READERS)
def test_a_set_that_is_not_there_is_said(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match=rf"{name} cannot be read .*docs/data\.md"):
        read_set(tmp_path, name)


def test_a_broken_file_is_said(toxichat: Path) -> None:
    (toxichat / "toxichat" / "dev.jsonl").write_text("{", encoding="utf-8")
    with pytest.raises(BadInput, match="toxichat cannot be read"):
        read_set(toxichat, "toxichat")
