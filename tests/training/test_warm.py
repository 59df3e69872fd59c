"""A ranker corrected by a few labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from blender.errors import BadInput
from blender.matrix import FeatureMatrix
from blender.terms import Trees
from blender.training.examples import Examples, View, relative_columns
from blender.training.fit import OrderSettings
from blender.training.fixed import Fixed, recovered_by
from blender.training.warm import Warm

COLUMNS = ("a.x", "b.x", "c.x")
DIRECTIONS = {"a.x": 1, "b.x": 1, "c.x": 0}
FIXED = Fixed(order=OrderSettings(bags=1, smallest_leaf=5), trees=10, heads=None)


def examples(weights: tuple[float, float, float], contexts: int, seed: int, size: int = 6) -> Examples:
    """Pools whose best candidate is by a weighted sum of columns, with noise."""
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(contexts * size, 3)).astype(np.float32)
    target = 0.5 + 0.15 * values @ np.array(weights) + generator.normal(scale=0.1, size=len(values))
    matrix = FeatureMatrix(values=values, columns=COLUMNS, group_sizes=(size,) * contexts)
    names = tuple(f"context {at}" for at in range(contexts))
    views: list[View] = ["judged"] * contexts
    return Examples(
        matrix=matrix,
        relative=relative_columns(matrix),
        target=np.clip(target, 0, 1),
        sensible=np.full(len(values), np.nan),
        specific=np.full(len(values), np.nan),
        datasets=("set",) * contexts,
        families=("family",) * contexts,
        groups=names,
        views=tuple(views),
    )


def test_few_labels_of_another_taste_beat_the_start_and_labels_alone() -> None:
    start = FIXED.fit(examples((1, 1, 0), 200, seed=0), DIRECTIONS)
    few, judged = examples((1, 1, -1.2), 25, seed=1), examples((1, 1, -1.2), 300, seed=2)
    warm = Warm(start=start).fit(few, DIRECTIONS)
    assert recovered_by(warm, judged) > recovered_by(start, judged) + 0.05
    assert recovered_by(warm, judged) > recovered_by(FIXED.fit(examples((1, 1, -1.2), 3, seed=1), DIRECTIONS), judged)


def test_labels_that_say_nothing_new_leave_the_order_nearly_as_it_was() -> None:
    start = FIXED.fit(examples((1, 1, 0), 200, seed=0), DIRECTIONS)
    judged = examples((1, 1, 0), 300, seed=2)
    warm = Warm(start=start).fit(examples((1, 1, 0), 10, seed=1), DIRECTIONS)
    assert recovered_by(warm, judged) > recovered_by(start, judged) - 0.03


def test_the_trees_of_the_start_are_all_there() -> None:
    start = FIXED.fit(examples((1, 1, 0), 50, seed=0), DIRECTIONS)
    warm = Warm(start=start, trees=7).fit(examples((1, 0, 1), 50, seed=1), DIRECTIONS)
    assert [text.count("\nTree=") for text in warm.order.texts] == [17]


def test_the_scale_of_the_start_is_no_matter() -> None:
    linear = FIXED.fit(examples((1, 1, 0), 100, seed=0), DIRECTIONS)
    start = replace(linear, order=Trees(columns=(), texts=()))
    quarter = replace(start, linear=replace(start.linear, weights=start.linear.weights / np.float32(4)))
    few, judged = examples((1, 0, 1), 40, seed=1), examples((1, 0, 1), 20, seed=2)
    one, other = (Warm(start=each).fit(few, DIRECTIONS).score(judged.matrix).value for each in (start, quarter))
    np.testing.assert_allclose(4 * other, one, rtol=0.01, atol=0.01)


def test_what_the_line_corrects_the_trees_do_not_correct_again() -> None:
    start = FIXED.fit(examples((1, 1, 0), 200, seed=0), DIRECTIONS)
    judged = examples((1, 1, -1), 300, seed=2)
    given = Warm(start=start).fit(examples((1, 1, -1), 400, seed=1), DIRECTIONS).score(judged.matrix).value
    centred = given - np.repeat(given.reshape(-1, 6).mean(1), 6)
    z = judged.inputs([f"{name}~z" for name in COLUMNS])
    first, second, third = np.linalg.lstsq(z, centred, rcond=None)[0]
    assert -1.05 < third / first < -0.6 and -1.05 < third / second < -0.6  # pulled towards none, never beyond the truth


def test_other_columns_are_refused() -> None:
    start = FIXED.fit(examples((1, 1, 0), 50, seed=0), DIRECTIONS)
    other = examples((1, 1, 0), 50, seed=1)
    fewer = FeatureMatrix(values=other.matrix.values[:, :2], columns=COLUMNS[:2], group_sizes=other.matrix.group_sizes)
    with pytest.raises(BadInput, match=r"other columns than were measured \(c.x\)"):
        Warm(start=start).fit(replace(other, matrix=fewer, relative=relative_columns(fewer)), DIRECTIONS)
