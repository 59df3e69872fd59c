from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from blender.errors import BadInput
from blender.judging.answers import answers
from blender.judging.pools import LabelledPool, Ratings, judged
from blender.judging.target import (
    GATED,
    MEAN,
    OVERALL,
    SENSIBLE,
    asks_specific,
    gated_specific,
    rater_targets,
    require_variance,
    sets_asking,
    targets,
)
from blender.records import Pool

Labels = Sequence[float | None]


def made(sensible: Labels, specific: Labels = (), overall: Labels = (), *, dataset: str = "s") -> LabelledPool:
    blank: list[float | None] = [None] * len(sensible)
    return LabelledPool(
        pool=Pool.of("Hi", [str(at) for at in range(len(sensible))]), dataset=dataset, family=dataset,
        sensible=judged(sensible), specific=judged(specific or blank), overall=judged(overall or blank),
    )  # fmt: skip


def rated(sensible: list[list[float]], specific: list[list[float]]) -> LabelledPool:
    s, c = np.array(sensible, dtype=np.float32), np.array(specific, dtype=np.float32)
    ratings = Ratings(raters=("a", "b"), named=True, sensible=s, specific=c, overall=np.full_like(s, np.nan))
    base = made([float(x) for x in s.mean(0)], [float(x) for x in c.mean(0)])
    return LabelledPool(
        pool=base.pool, dataset="s", family="s", sensible=base.sensible, specific=base.specific, overall=base.overall,
        ratings=ratings,
    )  # fmt: skip


def test_a_rater_who_finds_it_senseless_does_not_count_it_as_specific() -> None:
    # rater a: 1, 1 -> 1; 0.25, 1 -> 0.125.   rater b: 0.5, 0.5 -> 0.5; 0, 1 -> 0
    pool = rated([[1, 0.25], [0.5, 0]], [[1, 1], [0.5, 1]])
    found = targets([pool])
    assert found.name == GATED
    np.testing.assert_allclose(found.values[0], [0.75, 0.0625])
    np.testing.assert_allclose(gated_specific(pool), [0.75, 0])
    np.testing.assert_allclose(targets([pool], definition=MEAN).values[0], [0.75, (0.125 + 1) / 2])


def test_the_first_definition_the_labels_allow() -> None:
    assert targets([made([1, 0], [0, 0])]).name == MEAN
    assert targets([made([1, 0], [], [0.5, 0.5])]).name == SENSIBLE
    assert targets([made([None, None], [], [0.5, 0])]).name == OVERALL
    both = targets([made([1, 0], [0, 0]), made([1, 0], dataset="t")])
    assert both.name == f"{MEAN}; {SENSIBLE}"
    np.testing.assert_array_equal(both.values[0], [0.5, 0])
    with pytest.raises(BadInput, match=r"s: its candidates have labels of specific alone.*; give sensible"):
        targets([made([None, None], [1, 0])])
    with pytest.raises(BadInput, match="no candidate has a label"):
        targets([made([None])])
    with pytest.raises(BadInput, match="unknown target"):
        targets([made([1])], definition="beauty")


def test_one_gap_does_not_change_the_definition() -> None:
    found = targets([made([1, 0, 1], [0, 0, None])])
    assert found.name == MEAN and np.isnan(found.values[0][2])


def test_labels_without_differences_teach_nothing() -> None:
    with pytest.raises(BadInput, match="all labels are equal"):
        require_variance([made([1, 1]), made([0, 0]), made([0.5]), made([None, None])])
    require_variance([made([1, 1]), made([0, 1])])


def test_who_finds_it_senseless_need_not_be_asked_for_specific() -> None:
    nan = float("nan")
    asked, spared = rated([[1, 0], [1, 0]], [[1, 0], [0, 0]]), rated([[1, 0], [1, 0]], [[1, nan], [0, nan]])
    for of in (lambda one: targets([one]).values[0], gated_specific, lambda one: rater_targets(one)):
        np.testing.assert_array_equal(of(spared), of(asked))
    stated = [made([0.9, 0], [0.5, None]), made([0.9, 0], [0.5, 0])]
    np.testing.assert_array_equal(targets(stated[:1]).values[0], targets(stated[1:]).values[0])
    assert [answers([one]).specific[1] for one in (*stated, spared)] == [0, 0, 0]


def test_where_nobody_asks_for_specific_senseless_says_nothing_of_it() -> None:
    nan = float("nan")
    pool = rated([[0, 0, 1], [0, 0, 1]], [[nan] * 3] * 2)
    assert targets([pool]).name == SENSIBLE and targets([made([0, 0, 1])]).name == SENSIBLE
    assert np.isnan(gated_specific(pool)).all()
    np.testing.assert_array_equal(rater_targets(pool), [[0, 0, 1]] * 2)


def test_a_zero_by_rule_is_no_judgement_of_specific() -> None:
    alone = [made([1, 0, 0], [None, 0, 0]), made([1, 1, 0], [None, None, 0])]  # as a job on sensible alone leaves them
    assert not asks_specific(alone) and targets(alone).name == SENSIBLE
    assert np.isnan(answers(alone).specific).all() and np.isnan(gated_specific(alone[0], asked=False)).all()
    assert asks_specific([*alone, made([1, 0], [0, 0])]) and asks_specific([made([0, 0], [0, 0])])


def test_a_pool_in_which_nobody_was_asked_counts_as_its_set_does() -> None:
    nan = float("nan")
    bad, good = rated([[0, 0], [0, 1]], [[nan, nan], [nan, nan]]), rated([[1, 0], [1, 1]], [[1, nan], [0, 1]])
    asked = bad.dataset in sets_asking([bad, good])
    assert asked and not sets_asking([bad])
    np.testing.assert_array_equal(gated_specific(bad, asked=asked), [0, 0])
    by_rater = rater_targets(bad, asked=asked)
    np.testing.assert_array_equal(by_rater, [[0, 0], [0, nan]])
    np.testing.assert_array_equal(targets([bad, good]).values[0], np.nanmean(by_rater, axis=0))


def test_a_definition_that_labels_cannot_have_knows_nothing() -> None:
    pool = made([0, 0.5, 1])
    for name in (MEAN, GATED):
        assert np.isnan(targets([pool], definition=name).values[0]).all()
    assert np.isnan(targets([made([1, 0], [1, 0])], definition=GATED).values[0]).all(), "nobody's own ratings are known"


def test_pools_with_stated_means_beside_ratings_keep_their_labels() -> None:
    stated = made([1, 0], [0.5, 0.5], dataset="s")
    found = targets([rated([[1, 0], [1, 1]], [[1, 1], [0, 1]]), stated])
    assert found.name == GATED
    np.testing.assert_array_equal(found.values[1], [0.75, 0.25])
