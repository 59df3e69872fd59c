"""Answers and the questions that raters were asked about them, found again in the label file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from blender.judging.label_files import read_label_files
from blender.judging.rank_correlation import spearman
from blender.training.correlation import _answers, _own, correlations
from blender.training.prepare import prepare
from tests.training.conftest import unscored, write_labels


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


def test_contexts_of_one_conversation_stand_or_fall_together(tmp_path: Path) -> None:
    path = write_labels(tmp_path, "mine", 60)
    prepared = prepare([path], tmp_path / "cache", annotators={"length": {}}, quiet=True)
    sizes = prepared.examples.matrix.group_sizes
    conversation = np.arange(len(sizes)) // 4
    examples = replace(prepared.examples, groups=tuple(map(str, conversation.tolist())))
    given = examples.sensible + np.random.default_rng(0).normal(size=len(examples.sensible))
    scored = replace(unscored(examples), sensible=given, specific=given)
    found = correlations(replace(prepared, examples=examples), scored, [path])
    (track,) = [one for one in found if one.question == "sensible"]
    own = examples.sensible.reshape(60, 4)  # four sources, always in one order
    means = np.tile(own.mean(0), 60)
    assert track.source_oracle == pytest.approx(spearmanr(means, own.ravel())[0])
    assert track.rho["P(sensible)"] == spearman(given, examples.sensible, np.repeat(conversation, sizes))
