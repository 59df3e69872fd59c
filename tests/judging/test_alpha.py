"""Krippendorff's alpha against two libraries, and what it is where there is nothing to measure."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import krippendorff
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.metrics.agreement import AnnotationTask
from nltk.metrics.distance import binary_distance, interval_distance

from blender.judging.agreement import QUESTIONS, Question, ratings_of
from blender.judging.alpha import Level, Units, alpha, alpha_interval, same_share, spearman_brown
from blender.judging.labels import read_labels

LEVELS: tuple[Level, ...] = ("nominal", "interval")
DISTANCES = {"nominal": binary_distance, "interval": interval_distance}


def with_gaps(seed: int, raters: int, answers: int, values: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, values, answers)
    table = np.where(generator.random((raters, answers)) < 0.6, truth, generator.integers(0, values, (raters, answers)))
    return np.where(generator.random((raters, answers)) < 0.35, np.nan, table / max(1, values - 1))


def units(table: np.ndarray) -> Units:
    return Units.of([column[~np.isnan(column)].tolist() for column in table.T])


def by_nltk(table: np.ndarray, level: Level) -> float:
    rated = [(f"r{r}", f"a{a}", float(table[r, a])) for r, a in zip(*np.nonzero(~np.isnan(table)), strict=True)]
    counts = (~np.isnan(table)).sum(0)
    task: Any = AnnotationTask([t for t in rated if counts[int(t[1][1:])] > 1], DISTANCES[level])  # type: ignore[no-untyped-call]
    return float(task.alpha())


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    ("seed", "raters", "answers", "values"), [(0, 3, 40, 2), (1, 5, 30, 5), (2, 2, 25, 3), (3, 9, 60, 4)]
)
def test_it_equals_two_libraries_on_random_data_with_gaps(
    level: Level, seed: int, raters: int, answers: int, values: int
) -> None:
    table = with_gaps(seed, raters, answers, values)
    found = alpha(units(table), level)
    assert found == pytest.approx(krippendorff.alpha(table, level_of_measurement=level), abs=1e-9)
    assert found == pytest.approx(by_nltk(table, level), abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from([0.0, 0.25, 1.0]), min_size=1, max_size=5), min_size=2, max_size=12),
    st.sampled_from(LEVELS),
)
def test_it_equals_the_library_on_any_table(ratings: list[list[float]], level: Level) -> None:
    paired = [values for values in ratings if len(values) > 1]
    found = alpha(Units.of(ratings), level)
    if len({value for values in paired for value in values}) < 2:
        assert math.isnan(found)  # the library refuses; there is nothing that could have differed
        return
    table = np.full((5, len(ratings)), np.nan)
    for at, values in enumerate(ratings):
        table[: len(values), at] = values
    assert found == pytest.approx(krippendorff.alpha(table, level_of_measurement=level), abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", ["dstc10-persona", "dstc7", "usr-personachat", "fed-turn", "persona-zhao"])
def test_it_equals_the_library_on_the_labelled_sets(labelled: Path, name: str, level: Level) -> None:
    pools = read_labels(labelled / f"{name}.jsonl")
    checked = 0
    for question in QUESTIONS:
        found = ratings_of(pools, question)
        if not len(found.values):
            continue
        place = np.concatenate([np.arange(size) for size in found.sizes])
        table = np.full((int(found.sizes.max()), len(found.group)), np.nan)
        table[place, found.unit] = found.values
        assert alpha(found, level) == pytest.approx(krippendorff.alpha(table, level_of_measurement=level), abs=1e-9)
        if table.size < 5000:  # the other is slow
            assert alpha(found, level) == pytest.approx(by_nltk(table, level), abs=1e-9)
        checked += 1
    assert checked


# ../shared/data/README.md, worked out apart from this project: interval alpha
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "question", "expected"),
    [
        ("dstc10-persona", "sensible", 0.25),
        ("dstc10-persona", "specific", 0.12),
        ("dstc10-persona", "overall", 0.19),
        ("dstc7", "sensible", 0.20),
        ("dstc7", "specific", 0.16),
        ("usr-personachat", "sensible", 0.60),
        ("usr-personachat", "specific", 0.39),
        ("usr-personachat", "overall", 0.64),
        ("fed-turn", "sensible", 0.31),
        ("fed-turn", "specific", 0.25),
        ("fed-turn", "overall", 0.33),
    ],
)
def test_known_figures_come_out_to_two_digits(labelled: Path, name: str, question: Question, expected: float) -> None:
    pools = read_labels(labelled / f"{name}.jsonl")
    assert round(alpha(ratings_of(pools, question)), 2) == expected


def test_raters_who_agree_get_one_and_raters_at_random_none() -> None:
    assert alpha(Units.of([[0, 0], [1, 1], [1, 1]])) == 1
    noise = np.random.default_rng(0).integers(0, 2, (2000, 3)).astype(float)
    assert alpha(Units.of(noise.tolist()), "nominal") == pytest.approx(0, abs=0.05)
    assert alpha(Units.of([[0, 1], [1, 0]])) < 0


def test_large_values_lose_no_digits() -> None:
    table = with_gaps(4, 3, 50, 4)
    assert alpha(units(table + 1e7)) == pytest.approx(alpha(units(table)), abs=1e-9)


def test_nothing_to_measure_is_nan_and_no_error() -> None:
    for ratings in ([], [[1.0]], [[1.0], [0.0]], [[1.0, 1.0], [1.0, 1.0]]):
        for level in LEVELS:
            assert math.isnan(alpha(Units.of(ratings), level))
            assert math.isnan(alpha_interval(Units.of(ratings), level, draws=10).value)


def test_the_interval_covers_the_truth_and_groups_widen_it() -> None:
    table = with_gaps(5, 4, 400, 2)
    wide = alpha(units(with_gaps(6, 4, 20_000, 2)), "nominal")
    found = alpha_interval(units(table), "nominal", draws=500)
    assert found.low < found.value < found.high and found.low < wide < found.high
    doubled = [column[~np.isnan(column)].tolist() for column in np.concatenate([table, table], axis=1).T]
    alone = alpha_interval(Units.of(doubled), draws=500)
    grouped = alpha_interval(Units.of(doubled, [*range(400), *range(400)]), draws=500)
    assert grouped.high - grouped.low > 1.2 * (alone.high - alone.low)
    assert alpha_interval(units(table), draws=50, seed=1) == alpha_interval(units(table), draws=50, seed=1)


def test_equal_pairs_and_spearman_brown() -> None:
    assert same_share(Units.of([[1, 1, 0], [0, 0]])) == pytest.approx((1 + 1) / (3 + 1))
    assert spearman_brown(0.5, 2) == pytest.approx(2 / 3) and spearman_brown(0.3, 1) == pytest.approx(0.3)
    assert spearman_brown(-0.2, 5) == 0 and math.isnan(spearman_brown(float("nan"), 3))
