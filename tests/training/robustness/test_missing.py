"""Head-room with annotators missing, on labels that one annotator explains."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from blender.errors import BadInput
from blender.training.frontier import counted_sets, mean_of_sets
from blender.training.headroom import HeadRoom
from blender.training.robustness.contexts import Bench, drawn_contexts
from blender.training.robustness.missing import (
    annotators_missing,
    gained_without,
    missing_lines,
    with_mean,
)


def test_with_nothing_missing_it_is_the_head_room_that_is_measured_elsewhere(bench: Bench) -> None:
    examples = bench.prepared.examples
    assert counted_sets(bench.prepared) == ("one", "two")
    for name, values in gained_without(bench).items():
        part = examples.take([at for at, dataset in enumerate(examples.datasets) if dataset == name])
        family = part.families[0]
        scores = bench.found.rankers[family].score(part.matrix).value
        assert values.mean() == pytest.approx(HeadRoom.of(part).recovered(scores))


def test_the_annotator_that_knows_the_labels_is_the_dearest(bench: Bench) -> None:
    one = annotators_missing(bench, 1)
    assert one[0].absent == ("overlap",)
    assert one[0].change.high < 0
    assert one[0].recovered["mean"] == pytest.approx(with_mean(gained_without(bench))["mean"] + one[0].change.value)
    two = annotators_missing(bench, 2)
    assert {lost.absent for lost in two} == {("length", "overlap"), ("length", "rarity"), ("overlap", "rarity")}
    assert "overlap" in two[0].absent
    lines = missing_lines(bench, one, two)
    assert lines[2].startswith("| nothing |")
    assert len(lines) == 3 + 3 + 3 + 2


def test_the_change_is_paired_and_sets_count_alike() -> None:
    before = {"a": np.full(10, 0.5), "b": np.full(1000, 0.2)}
    after = {"a": before["a"] - 0.2, "b": before["b"] + 0.1}
    change = mean_of_sets([after[name] - before[name] for name in after], 0)
    assert change.value == pytest.approx(-0.05)
    assert [change.low, change.high] == pytest.approx([-0.05, -0.05])


def test_a_family_without_its_ranker_is_refused(bench: Bench) -> None:
    bare = replace(bench, found=replace(bench.found, rankers={}))
    with pytest.raises(BadInput, match="no ranker was made without family 'one'"):
        bare.ranker(drawn_contexts(bench.prepared, 1)[0])


def test_every_pool_of_a_set_of_two_families_is_scored_by_the_ranker_that_saw_none(bench: Bench) -> None:
    examples = bench.prepared.examples
    one = replace(bench, prepared=replace(bench.prepared, examples=replace(examples, datasets=("s",) * len(examples))))
    pools = list(range(0, len(examples), 7))
    assert len({examples.families[at] for at in pools}) == 2
    scores = one.scores(examples.take(pools).matrix, pools)
    for at, mine in zip(pools, scores, strict=True):
        alone = bench.found.rankers[examples.families[at]].score(examples.take([at]).matrix).value
        np.testing.assert_allclose(mine, alone, rtol=1e-6)
