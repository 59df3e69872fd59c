"""Answers and the questions that raters were asked about them, found again in the label file."""

from __future__ import annotations

import json
from pathlib import Path

from blender.judging.label_files import read_label_files
from blender.training.correlation import _answers, _own


def test_systems_that_said_the_same_keep_their_own_scores(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    row = {"dialog_id": "d", "context": ["Hi!"], "sensible": 1}
    said = [("Yes.", [1, 2]), ("No.", [5]), ("Yes.", [4])]
    rows = [{**row, "response": text, "source": f"s{at}", "labels": {"q": q}} for at, (text, q) in enumerate(said)]
    other = {**row, "dataset": "other", "context": ["Bye!"], "response": "Yes.", "labels": {"q": [3]}}
    path.write_text("\n".join(map(json.dumps, [*rows, other])))
    asked = _answers([path])
    found = [[answer["q"] for answer in _own(pool, asked)] for pool in read_label_files([path])]
    assert found == [[1.5, 5, 4], [3]]
