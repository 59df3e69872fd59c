from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom  # type: ignore[attr-defined]

from blender.errors import BadInput
from blender.judging.differences import differences, more_units
from blender.judging.pools import LabelledPool, Ratings
from blender.judging.randomisation import randomisation
from blender.records import Candidate, Pool
from tests.judging.conftest import pool


def test_every_pair_with_its_outcomes() -> None:
    good, bad = (1.0, 1.0), (0.0, 0.0)
    pools = [pool(f"d{at}", {"a": good, "b": bad if at < 12 else good, "c": (1.0, 0.0)}) for at in range(15)]
    found = differences(pools)
    assert found.measure == "ssa" and found.definition == "mean of sensible and specific"
    assert [(pair.one, pair.other) for pair in found.pairs] == [("a", "c"), ("a", "b"), ("c", "b")]
    pairs = {pair.one + pair.other: pair for pair in found.pairs}
    assert pairs["ab"].difference.value == pytest.approx(12 / 15)
    assert (pairs["ab"].wins, pairs["ab"].ties, pairs["ab"].losses, pairs["ab"].dialogs) == (12, 3, 0, 15)
    assert pairs["ab"].p == pytest.approx(2 / 2**12) and pairs["ab"].exact  # ties change nothing
    assert pairs["ab"].decided and pairs["ab"].more_dialogs == 0 and pairs["ab"].more_labels == 0
    assert pairs["ab"].corrected >= pairs["ab"].p
    by_sensible = differences(pools, measure="sensible")
    assert {p.difference.value for p in by_sensible.pairs if {p.one, p.other} == {"a", "c"}} == {0}
    with pytest.raises(BadInput, match="known are sensible"):
        differences(pools, measure="taste")


def test_among_many_systems_too_one_that_is_always_better_is_told_apart() -> None:
    """A p from 10,000 patterns would not survive the correction for 561 pairs, whatever was seen."""
    draw = np.random.default_rng(0)
    pools = [
        pool(f"d{at}", {"best": (1, 1), **{f"s{other}": (float(draw.random() < 0.1), 0) for other in range(33)}})
        for at in range(40)
    ]
    pairs = differences(pools, draws=10).pairs
    assert all(pair.decided for pair in pairs if pair.one == "best")


def test_a_pair_can_be_seen_from_either_side() -> None:
    pools = [pool(f"d{at}", {"a": (1.0, at % 2), "b": (at % 3 > 0, 0.0)}) for at in range(12)]
    (pair,) = differences(pools).pairs
    turned = pair.seen_from("b")
    assert (turned.one, turned.other, turned.p) == ("b", "a", pair.p)
    assert turned.difference.value == -pair.difference.value and turned.difference.low == -pair.difference.high
    assert (turned.wins, turned.losses) == (pair.losses, pair.wins)
    assert turned.seen_from("a") == pair == pair.seen_from("a")


def test_only_what_both_were_judged_on_counts() -> None:
    pools = [
        pool("d1", {"a": (1, 1), "b": (0, 0)}),
        pool("d2", {"a": (1, 1), "b": (None, None)}),
        pool("d3", {"b": (1, 1)}),
    ]
    (pair,) = differences(pools).pairs
    assert (pair.dialogs, pair.wins) == (1, 1) and pair.difference.value == 1
    (apart,) = differences([pool("d1", {"a": (1, 1)}), pool("d2", {"b": (0, 0)})]).pairs
    assert math.isnan(apart.p) and math.isnan(apart.corrected) and math.isnan(apart.difference.value)
    assert apart.more_dialogs is None and apart.more_labels is None and not apart.decided
    assert differences([pool("d1", {"a": (1, 1)})]).pairs == ()


def test_turns_of_one_dialog_are_one_dialog() -> None:
    turns = [
        pool(f"d{d}#{t}", {"a": (1, 1), "b": (0, t % 2)}, slices={"dialog": f"d{d}"})
        for d in range(4)
        for t in range(5)
    ]
    (pair,) = differences(turns).pairs
    assert pair.dialogs == 4 and pair.p == pytest.approx(2 / 16)  # not 2 / 2**20


def test_how_many_more_dialogs_would_settle_it() -> None:
    values = np.random.default_rng(0).normal(0.1, 1, 100)
    more = more_units(values, alpha=0.05, power=0.8)
    assert more is not None
    total = 100 + more
    # by definition: with that many, the same mean and spread are found with probability 0.8
    reached = abs(values.mean()) / values.std(ddof=1) * math.sqrt(total - 1.959964**2 / 2)
    assert reached == pytest.approx(1.959964 + 0.841621, abs=0.01)
    assert more_units(np.zeros(10), alpha=0.05, power=0.8) is None
    assert more_units(np.array([1.0]), alpha=0.05, power=0.8) is None
    assert more_units(np.ones(3), alpha=0.05, power=0.8) == 3  # 2 / 2**5 is no less than 0.05
    assert more_units(np.repeat([1.0, 0.0], 4), alpha=0.05, power=0.8) == 7  # a level dialog is no evidence


@pytest.mark.parametrize("won", [1, 2, 3])
def test_of_dialogs_that_are_level_or_won_so_many_are_told_that_the_test_decides_four_of_five(won: int) -> None:
    more = more_units(np.repeat([1.0, 0.0], [won, 4 - won]), alpha=0.01, power=0.8)
    assert more is not None
    assert binom.sf(7, 4 + more, won / 4) >= 0.8  # eight won: p is 2 / 2**8, below 0.01


@pytest.mark.slow
def test_with_as_many_dialogs_as_it_says_four_of_five_are_settled() -> None:
    draw = np.random.default_rng(1)
    first = draw.normal(0.2, 1, 30)
    first += 0.2 - first.mean()
    more = more_units(first, alpha=0.05, power=0.8)
    assert more is not None
    spread = first.std(ddof=1)
    settled = []
    for _ in range(400):
        values = draw.normal(0.2, spread, 30 + more)
        settled.append(abs(values.mean()) / values.std(ddof=1) * math.sqrt(len(values)) > 1.96)
    assert np.mean(settled) == pytest.approx(0.8, abs=0.06)


@pytest.mark.parametrize("together", [True, False])
def test_empty_answers_do_not_outnumber_the_others_while_labels_are_few(together: bool) -> None:
    draw = np.random.default_rng(0)
    pools = []
    for at in range(2000):
        asked = draw.random(2) < 0.5
        asked[1] = asked[0] if together else asked[1]
        good = [float(each) if here else None for each, here in zip(draw.random(2) < (0.5, 0.75), asked, strict=True)]
        made = pool(f"d{at}", {"a": (good[0], good[0]), "b": (good[1], good[1])})
        pools.append(silenced(made) if at % 5 == 0 else made)
    (pair,) = differences(pools, draws=100).pairs
    assert pair.one == "b" and pair.difference.value == pytest.approx(0.8 * 0.75 - 0.5, abs=0.07)


def test_what_is_known_without_asking_weighs_less_in_everything_told_of_a_pair() -> None:
    spoken = [pool(f"d{at}", {"a": (at == 3, at == 3), "b": (at < 3, at < 3)}) for at in range(4)]
    asked = [pool(f"e{at}", {"a": (None, None), "b": (None, None)}) for at in range(4)]
    silent = [silenced(pool(f"f{at}", {"a": (at < 2, at < 2), "b": (0, 0)})) for at in range(8)]
    nothing = [Candidate(text="", source=name) for name in "ab"]
    bare = [pool(f"g{at}", {"a": (0, 0), "b": (0, 0)}) for at in range(4)]
    neither = [replace(each, pool=Pool(dialog=each.pool.dialog, candidates=tuple(nothing))) for each in bare]
    pair = differences([*spoken, *asked, *silent, *neither]).pairs[0].seen_from("b")
    # Half of the dialogs in which both spoke are judged, so that those with one or both silent count half.
    weighed = np.array([1, 1, 1, -1, -0.5, -0.5, *[0] * 10])
    assert pair.difference.value == pytest.approx(weighed.sum() / (4 + 12 / 2))
    assert pair.p == randomisation(weighed[:, None])[0][0]
    assert pair.more_dialogs == more_units(weighed * 16 / 10, alpha=0.05, power=0.8)


def test_with_more_pairs_more_dialogs_are_needed() -> None:
    draw = np.random.default_rng(3)
    good = draw.integers(0, 2, (12, 3)).tolist()
    pools = [pool(f"d{at}", {name: (a, a) for name, a in zip("abc", row, strict=True)}) for at, row in enumerate(good)]
    for pair in differences(pools).pairs:
        apart = np.array(
            [each.sensible["abc".index(pair.one)] - each.sensible["abc".index(pair.other)] for each in pools]
        )
        assert pair.more_dialogs == more_units(apart.astype(float), alpha=0.05 / 3, power=0.8)


def silenced(labelled: LabelledPool) -> LabelledPool:
    """The same pool, where the second system said nothing."""
    said = labelled.pool.candidates[0]
    sensible, specific = (np.array([each[0], 0], dtype=np.float32) for each in (labelled.sensible, labelled.specific))
    base = Pool.of(labelled.pool.dialog, [said, Candidate(text="", source="b")])
    return replace(labelled, pool=base, sensible=sensible, specific=specific)


def test_labels_are_counted_at_the_ratings_per_answer_there_are() -> None:
    draw = np.random.default_rng(0)
    pools = []
    for at in range(20):
        table = draw.integers(0, 2, (3, 2)).astype(np.float32)
        ratings = Ratings(raters=("x", "y", "z"), named=True, sensible=table, specific=table, overall=table * np.nan)
        base = pool(f"d{at}", {"a": (None, None), "b": (None, None)})
        pools.append(replace(base, sensible=table.mean(0), specific=table.mean(0), ratings=ratings))
    (pair,) = differences(pools).pairs
    assert pair.more_dialogs and pair.more_labels == pair.more_dialogs * 2 * 3
