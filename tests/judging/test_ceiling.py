from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from blender.errors import BadInput
from blender.judging.ceiling import noise_ceiling, variance_components
from blender.judging.headroom import recovered
from blender.judging.one_rater import one_rater
from blender.judging.pools import LabelledPool, Ratings
from blender.records import Pool

Doubles = NDArray[np.float64]


def pool_of(ratings: Doubles, *, named: bool = True) -> LabelledPool:
    table = ratings.astype(np.float32)
    blank = np.full_like(table, np.nan)
    return LabelledPool(
        pool=Pool.of("Hi", [str(at) for at in range(table.shape[1])]), dataset="s", family="s",
        sensible=np.nanmean(table, axis=0), specific=blank[0], overall=blank[0],
        ratings=Ratings(
            raters=tuple(map(str, range(len(table)))), named=named, sensible=table, specific=blank, overall=blank
        ),
    )  # fmt: skip


def simulate(
    contexts: int, raters: int, spread: float, severity: float, noise: float, steps: int, seed: int
) -> tuple[list[Doubles], list[Doubles]]:
    """Ratings (raters, 8) on ``steps`` levels of 0..1, and the true mean rating of each candidate."""
    draw = np.random.default_rng(seed)
    tables, truths = [], []
    for _ in range(contexts):
        taste = draw.normal(draw.normal(0.5, 0.1), spread, size=8)

        def rate(count: int, taste: Doubles = taste) -> Doubles:
            raw = taste + draw.normal(0, severity, (count, 1)) + draw.normal(0, noise, (count, 8))
            return np.clip(np.round(raw * (steps - 1)), 0, steps - 1) / (steps - 1)

        tables.append(rate(raters))
        truths.append(rate(600).mean(0))
    return tables, truths


@pytest.mark.slow
@pytest.mark.parametrize(
    ("raters", "spread", "severity", "noise", "steps"),
    [
        (4, 0.2, 0.15, 0.25, 5),
        (3, 0.15, 0.1, 0.3, 3),
        (5, 0.2, 0.0, 0.4, 2),
    ],
)
def test_the_ceiling_is_what_knowing_the_truth_recovers(
    raters: int, spread: float, severity: float, noise: float, steps: int
) -> None:
    tables, truths = simulate(3000, raters, spread, severity, noise, steps, seed=raters)
    known = recovered([table.mean(0) for table in tables], truths).mean
    estimate = noise_ceiling([pool_of(table) for table in tables])
    assert estimate.recovered.value == pytest.approx(known.value, abs=0.03)
    assert estimate.raters == raters and 0.3 < known.value < 0.95


def test_components_are_recovered_though_raters_meet_few_candidates() -> None:
    draw = np.random.default_rng(0)
    tables = []
    for _ in range(1500):
        full = draw.normal(0, 0.3, 8) + draw.normal(0, 0.2, (10, 1)) + draw.normal(0, 0.4, (10, 8)) + draw.normal()
        tables.append(np.where(draw.random((10, 8)) < 0.35, full, np.nan))
    found = variance_components(tables)
    assert found.candidate == pytest.approx(0.09, abs=0.01)
    assert found.rater == pytest.approx(0.04, abs=0.01)
    assert found.residual == pytest.approx(0.16, abs=0.01)
    unnamed = variance_components(tables, named=False)
    assert unnamed.rater == 0 and unnamed.residual == pytest.approx(0.20, abs=0.01)


def test_severe_raters_blur_what_they_do_not_all_judge() -> None:
    draw = np.random.default_rng(4)
    truths = [draw.normal(0, 0.2, 6) for _ in range(600)]
    tables = [truth + draw.normal(0, 0.4, (4, 1)) + draw.normal(0, 0.1, (4, 6)) for truth in truths]
    some = [np.where(draw.permuted(np.tile([1, 1, 0, 0], (6, 1)), axis=1).T, table, np.nan) for table in tables]
    known = recovered([np.nanmean(table, axis=0) for table in some], truths).mean
    assert noise_ceiling([pool_of(table) for table in some]).recovered.value == pytest.approx(known.value, abs=0.03)


def test_how_kind_all_raters_are_changes_nothing_where_candidates_have_few_ratings() -> None:
    draw = np.random.default_rng(2)
    tables = [draw.normal(0.5, 0.2, 6) + draw.normal(0, 0.2, (5, 6)) for _ in range(40)]
    gaps = [np.where(draw.random((5, 6)) < [[0.0], *[[0.6]] * 4], np.nan, table) for table in tables]
    low, high = (noise_ceiling([pool_of(table + up) for table in gaps]).recovered for up in (0.0, 2.0))
    assert high.value == pytest.approx(low.value, abs=1e-3)


def test_pure_noise_has_a_ceiling_near_zero_and_agreement_one_near_one() -> None:
    draw = np.random.default_rng(0)
    noise = noise_ceiling([pool_of(draw.random((3, 6))) for _ in range(400)])
    assert noise.recovered.value < 0.25 and noise.components.candidate < 0.005
    same = noise_ceiling([pool_of(np.tile(draw.random(6), (3, 1))) for _ in range(50)])
    assert same.recovered.value == pytest.approx(1)


def test_where_raters_contradict_each_other_nothing_can_be_recovered() -> None:
    found = noise_ceiling([pool_of(np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.1]]))] * 2)
    assert (found.recovered.value, found.contexts, found.components.candidate) == (0, 2, 0)


def test_contexts_of_one_dialog_are_drawn_together() -> None:
    tables, _ = simulate(30, 3, 0.2, 0.1, 0.25, 5, seed=1)
    every = [replace(pool_of(table), slices={"dialog": str(at)}) for at, table in enumerate(tables) for _ in range(5)]
    together = noise_ceiling(every).recovered
    apart = noise_ceiling([replace(each, slices={"dialog": str(at)}) for at, each in enumerate(every)]).recovered
    assert together.high - together.low > 1.8 * (apart.high - apart.low)


def test_severity_of_raters_without_names_counts_as_noise() -> None:
    tables, _ = simulate(60, 4, 0.2, 0.3, 0.2, 5, seed=2)
    assert noise_ceiling([pool_of(table) for table in tables]).components.rater > 0.02
    assert noise_ceiling([pool_of(table, named=False) for table in tables]).components.rater == 0


def test_one_rater_too_is_judged_by_whole_dialogs() -> None:
    """Each context thrice tells no more than once, if the three are of one dialog."""
    tables, _ = simulate(20, 3, 0.2, 0.1, 0.25, 5, seed=3)
    pools = [replace(pool_of(table), slices={"dialog": str(at)}) for at, table in enumerate(tables)]
    scores = [np.random.default_rng(at).random(8) for at in range(20)]
    once, thrice = one_rater(pools, {"p": scores}), one_rater(3 * pools, {"p": 3 * scores})
    for seen, again in (
        (once.recovered, thrice.recovered),
        (once.policies["p"].recovered, thrice.policies["p"].recovered),
        (once.policies["p"].difference, thrice.policies["p"].difference),
    ):
        assert asdict(again) == pytest.approx(asdict(seen))


def test_one_rating_each_tells_nothing_of_noise() -> None:
    with pytest.raises(BadInput, match="two raters"):
        noise_ceiling([pool_of(np.array([[0.0, 1.0]]))])


def test_one_rater_by_hand() -> None:
    # the table: a, b, c by two candidates
    table = np.array([[0.0, 1.0], [1.0, 0.5], [0.5, 0.0]])
    # the others: for a (0.75, 0.25), for b (0.25, 0.5), for c (0.5, 0.75); choices 2nd, 1st, 1st: all wrong
    found = one_rater([pool_of(table)], {"second": [np.array([0.0, 1.0])]})
    assert found.recovered.value == pytest.approx(-1) and found.contexts == 1 and found.named
    assert found.policies["second"].recovered.value == pytest.approx((-1 + 1 + 1) / 3)
    assert found.policies["second"].difference.value == pytest.approx(4 / 3)


def test_a_rater_of_one_candidate_counts_by_rating_only() -> None:
    table = np.array([[0.0, np.nan], [0.0, np.nan], [np.nan, 1.0], [np.nan, 1.0]])
    with pytest.raises(BadInput, match="no rater shares"):
        one_rater([pool_of(table)])
    by_rating = one_rater([pool_of(table)], by="rating")
    assert by_rating.recovered.value == 1 and not by_rating.named


def test_one_rater_recovers_less_than_the_ceiling() -> None:
    tables, _ = simulate(300, 4, 0.2, 0.1, 0.25, 5, seed=9)
    pools = [pool_of(table) for table in tables]
    assert one_rater(pools).recovered.high < noise_ceiling(pools).recovered.low
