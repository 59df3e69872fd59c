"""Sets of annotators side by side: who is left out, what is paired, how the mean is made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from blender.training import frontier
from blender.training.crossval import one_family_out
from blender.training.examples import Doubles, Examples
from blender.training.fixed import Fixed
from blender.training.frontier import SETS, kept_scores, left_out, mean_of_sets, seeded
from blender.training.prepare import Prepared, default_annotators
from tests.training.conftest import DIRECTIONS, make_examples

QUICK = Fixed(trees=3, heads=None)


def test_a_set_sees_only_its_columns_and_loses_what_the_others_knew() -> None:
    examples = make_examples(300, noise=0.1)
    few = examples.with_annotators(["length", "toxicity"])
    assert few.matrix.columns == ("length.words", "toxicity.toxic")
    assert few.inputs(["toxicity.toxic~z"]) == pytest.approx(examples.inputs(["toxicity.toxic~z"]), nan_ok=True)
    with pytest.raises(KeyError, match="proxy"):
        examples.with_annotators(["proxy"])


def test_every_row_is_scored_by_a_ranker_without_its_family() -> None:
    examples = make_examples(90)
    scores = left_out(examples, DIRECTIONS, QUICK)
    fold = one_family_out(examples)[1]
    rows = examples.rows(fold.held_out)
    target = examples.target.copy()
    target[rows] = 1 - target[rows]
    other = left_out(replace(examples, target=target), DIRECTIONS, QUICK)
    assert np.array_equal(other[rows], scores[rows])
    assert not np.array_equal(other, scores)


def test_scores_are_kept_until_what_was_measured_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[int] = []

    def counted(examples: Examples, *_: object) -> Doubles:
        computed.append(len(examples.matrix))
        return np.zeros(len(examples.matrix))

    monkeypatch.setattr(frontier, "left_out", counted)
    examples = make_examples(30)
    prepared = Prepared(
        examples=examples, labelled=(), directions=DIRECTIONS, annotators={}, fingerprints={}, data={}, target="overall"
    )
    for _ in range(2):
        kept_scores(prepared, ["length"], 0, tmp_path)
    assert len(computed) == 1
    kept_scores(prepared, ["length"], 1, tmp_path)
    kept_scores(prepared, ["toxicity"], 0, tmp_path)
    assert len(computed) == 3
    other = replace(examples.matrix, values=examples.matrix.values + 1)
    kept_scores(replace(prepared, examples=replace(examples, matrix=other)), ["length"], 0, tmp_path)
    assert len(computed) == 4


def test_seeds_reach_everything_random() -> None:
    one = seeded(Fixed(), 3)
    assert one.heads
    assert (one.order.seed, one.heads.seed) == (3, 3)


def test_sets_count_alike_whatever_their_size_and_contexts_without_head_room_not_at_all() -> None:
    large, small = np.tile([0.0, 1.0], 200), np.array([1.0, np.nan, 1.0])
    found = mean_of_sets([large, small], seed=0)
    assert found.value == pytest.approx(0.75)
    # Only the large set varies: its standard error, halved.
    half = 1.96 * 0.5 / np.sqrt(400) / 2
    assert (found.low, found.high) == pytest.approx((0.75 - half, 0.75 + half), abs=0.004)


def test_the_fast_set_needs_neither_language_model_nor_cross_encoder() -> None:
    assert not {"perplexity", "states", "coherence", "reply"} & set(SETS["fast"])
    assert set(SETS["default"]) == set(default_annotators())
