"""Pools that are shuffled, doubled, noisy or blown up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from blender.training.robustness.contexts import Bench, drawn_contexts
from blender.training.robustness.crowds import (
    Changed,
    all_crowds,
    all_replies,
    blown_up,
    crowded,
    doubled,
    shuffled,
    with_random,
    with_strays,
    worth_of,
)
from tests.training.robustness.conftest import rankers_of


@pytest.fixture
def numbers(bench: Bench) -> list[int]:
    return drawn_contexts(bench.prepared, 20, bench.seed)


def test_order_and_doubles_do_not_change_the_choice(bench: Bench, numbers: list[int]) -> None:
    for change in (shuffled, doubled):  # none of these annotators looks at the other candidates
        found = crowded(bench, [change(bench, at) for at in numbers])
        assert found.same == 1
        assert found.change.value == pytest.approx(0, abs=1e-9)


def test_strays_are_of_other_conversations_worth_the_worst_and_the_more_hold_the_fewer(bench: Bench) -> None:
    replies = all_replies(bench)
    at = drawn_contexts(bench.prepared, 1)[0]
    few, many = with_strays(bench, at, replies, 5), blown_up(bench, at, replies, 60)
    own = bench.prepared.labelled[at]
    assert len(many.pool) == 60
    assert many.pool.candidates[: len(few.pool)] == few.pool.candidates
    assert sum(few.stray) == 5
    assert not set(few.pool.texts[len(own) :]) & set(own.pool.texts)
    np.testing.assert_array_equal(few.worth[len(own) :], np.full(5, worth_of(own).min()))


@pytest.mark.slow
def test_a_stray_that_is_chosen_costs_and_is_counted(bench: Bench, numbers: list[int]) -> None:
    found = crowded(bench, [with_strays(bench, at, all_replies(bench), 40) for at in numbers])
    assert 0 < found.stray <= 1
    assert found.after.value < found.before.value


def test_with_a_shortlist_of_cheap_columns_the_same_pools_are_judged_as_served(
    bench: Bench, numbers: list[int]
) -> None:
    cheap = bench.prepared.examples.with_annotators(["overlap", "length"])
    whole = replace(bench, first=rankers_of(replace(bench.prepared, examples=cheap)).rankers)
    plain, many = (
        crowded(whole, [with_strays(bench, at, all_replies(bench), count) for at in numbers]) for count in (0, 40)
    )
    assert plain.served == plain.after, "five candidates are all on the shortlist"
    assert many.served is not None
    assert many.served != many.after
    assert many.served.value < plain.after.value


def test_a_stray_in_place_of_everything_recovers_what_the_worst_does(bench: Bench, numbers: list[int]) -> None:
    only = []
    for at in numbers:
        labelled = bench.prepared.labelled[at].take([int(np.argmin(worth_of(bench.prepared.labelled[at])))])
        only.append(Changed(number=at, pool=labelled.pool, worth=worth_of(labelled), stray=[True]))
    found = crowded(bench, only)
    assert found.stray == 1
    assert found.after.value < -0.5


@pytest.mark.slow
def test_where_nobody_labelled_a_random_reply_there_is_none(bench: Bench, numbers: list[int]) -> None:
    assert with_random(bench, numbers[0]) is None
    found = all_crowds(bench, contexts=3, of_a_hundred=1, of_a_thousand=1)
    assert set(found) == {
        "shuffled",
        "every candidate twice",
        "a noisy source: 8 stray replies more",
        "100 candidates",
        "1000 candidates",
    }
