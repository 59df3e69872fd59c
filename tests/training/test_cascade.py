"""Cascades: who survives, what is measured, when the winner changes, and at whose risk the threshold is chosen."""

from __future__ import annotations

import numpy as np
import pytest

from blender.matrix import FeatureMatrix
from blender.ranker import LearnedRanker
from blender.terms import Linear, Trees
from blender.training.cascade import Outcome, at_risk, blanked, cascade, families_left_out
from blender.training.fixed import Fixed
from tests.training.conftest import DIRECTIONS, make_examples

FULL = LearnedRanker(
    columns=("cheap.a", "dear.b"),
    linear=Linear(columns=("cheap.a~z", "dear.b~z"), weights=np.array([1, 2], dtype=np.float32)),
    order=Trees(columns=(), texts=()),
)
POOL = FeatureMatrix(
    values=np.array([[3, 0], [2.9, 1], [0, 9]], dtype=np.float32), columns=("cheap.a", "dear.b"), group_sizes=(3,)
)
CHEAP, COST = np.array([3.0, 2.9, 0.0]), np.array([1.0, 2.0, 5.0])


def test_a_candidate_that_was_out_can_not_win_and_costs_nothing() -> None:
    changed, measured = cascade(POOL, CHEAP, FULL, COST, {"dear"}, [0.0, 0.5, 5.0])
    assert measured[:, 0] == pytest.approx([0, 3 / 8, 1])  # a lone survivor has won unmeasured
    wanted = int(np.argmax(FULL.score(POOL).value))
    assert wanted == 2
    assert changed[:, 0].tolist() == [True, True, False]


def test_relative_columns_are_over_what_was_measured() -> None:
    left = blanked(POOL, np.array([True, True, False]), {"dear"})
    assert np.isnan(left.values[2, 1])
    assert left.values[2, 0] == 0
    assert left.select(["dear.b~z"]).values[:2, 0] == pytest.approx([-1, 1])


def test_the_threshold_of_a_family_is_chosen_on_the_others() -> None:
    changed = np.array([[True, True, False, False], [False, True, False, False], [False, False, False, False]])
    found = Outcome(
        thresholds=np.array([0.1, 0.2, np.inf]),
        changed=changed,
        measured=np.array([[0.1] * 4, [0.5] * 4, [1.0] * 4]),
        families=("a", "a", "b", "b"),
    )
    report = at_risk(found, 0.1)
    # "a" takes what is safe on "b", and pays for it; "b" takes what is safe on "a".
    assert report["a"] == {"threshold": 0.1, "pools": 2, "changed": 1.0, "measured": pytest.approx(0.1)}
    assert report["b"] == {"threshold": np.inf, "pools": 2, "changed": 0.0, "measured": 1.0}


def test_keeping_all_changes_nothing_on_families_not_seen() -> None:
    examples = make_examples(90)
    cheap = examples.with_annotators(["relevance", "length"])
    cost = np.ones(len(examples.matrix))
    expensive = {"perplexity", "toxicity"}
    found = families_left_out(examples, cheap, DIRECTIONS, Fixed(trees=3, heads=None), cost, expensive)
    assert not found.changed[-1].any()
    assert found.changed[0].any()
    assert (np.diff(found.measured, axis=0) >= 0).all()
