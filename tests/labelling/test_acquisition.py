"""Pools in which it is plain what should be labelled next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blender.errors import BadInput
from blender.labelling.acquisition import TERMS, Opinions, choose, contenders

ONE = {term: {term: 1.0} for term in TERMS}


def opinions(
    values: Sequence[Sequence[float]],
    *,
    votes: Mapping[str, Sequence[Sequence[float]]] | None = None,
    sensible: Sequence[Sequence[float]] | None = None,
    places: Sequence[Sequence[float]] | None = None,
    blocked: Sequence[int] = (),
) -> Opinions:
    """Opinions of hand-made pools, one list of numbers a pool; without more the ranker alone votes."""
    flat = np.array([value for pool in values for value in pool], dtype=np.float64)
    unknown = np.full(len(flat), np.nan)
    committee = {"ranker": values, **(votes or {})}
    eligible = np.ones(len(flat), dtype=np.bool_)
    eligible[list(blocked)] = False
    return Opinions(
        group_sizes=tuple(map(len, values)),
        value=flat,
        sensible=unknown if sensible is None else np.array([p for pool in sensible for p in pool]),
        specific=unknown,
        votes={name: np.array([v for pool in given for v in pool], dtype=np.float64)
               for name, given in committee.items()},
        places=np.array(places, dtype=np.float64) if places else np.zeros((len(values), 2)),
        eligible=eligible,
    )  # fmt: skip


def pools(found: Opinions, n: int = 99, **how: object) -> list[int]:
    return [pick.pool for pick in choose(found, n, **how)]  # type: ignore[arg-type]


def test_level_candidates_with_opposed_rankers_come_before_clear_winners() -> None:
    found = opinions(
        [[5, 0, 0], [1.0, 0.99, -3], [4, 1, 0]],
        votes={"average": [[5, 0, 0], [0, 9, 0], [4, 1, 0]], "perplexity": [[1, 0, 0], [0, 0, 9], [1, 0, 0]]},
    )
    picks = choose(found, 3)
    assert picks[0].pool == 1
    assert picks[0].terms["disagreement"] == pytest.approx(1)
    assert picks[0].terms["margin"] > 0.99
    assert {str(pick.terms["disagreement"]) for pick in picks[1:]} == {"0.0"}, "nor -0.0, which the table would show"


def test_the_closer_race_comes_first_when_margin_alone_counts() -> None:
    assert pools(opinions([[3, 0], [1, 0], [2, 0]]), weights=ONE["margin"]) == [1, 2, 0]


def test_the_more_divided_vote_comes_first_when_disagreement_alone_counts() -> None:
    same = [[1, 0, 0]] * 3
    votes = {"a": same, "b": [[1, 0, 0], [0, 1, 0], [0, 1, 0]], "c": [[1, 0, 0], [1, 0, 0], [0, 0, 1]]}
    assert pools(opinions(same, votes=votes), weights=ONE["disagreement"]) == [2, 1, 0]


def test_doubt_is_of_the_contenders_and_not_of_the_hopeless() -> None:
    found = opinions([[1, 0.9, -20], [1, 0.9, -20]], sensible=[[0.5, 0.6, 0.99], [0.99, 0.98, 0.5]])
    first, second = choose(found, 2, weights=ONE["doubt"])
    assert (first.pool, second.pool) == (0, 1)
    assert first.terms["doubt"] > 0.9
    assert second.terms["doubt"] < 0.2


def test_contexts_near_labelled_ones_come_later() -> None:
    found = opinions([[1, 0]] * 3, places=[[0, 0], [0.1, 0], [10, 0]])
    covered = np.array([[0.05, 0.0]])
    picks = choose(found, 3, covered=covered)
    assert picks[0].pool == 2
    assert picks[0].terms["coverage"] == 1
    assert picks[1].terms["coverage"] == 1  # the farthest of those that are left
    nearer = [pick for pick in choose(found, 3, covered=np.array([[0.1, 0.0]])) if pick.pool == 1]
    assert nearer[0].terms["coverage"] == 0


def test_what_was_picked_covers_its_cluster() -> None:
    found = opinions([[1, 0]] * 6, places=[[0, 0], [0, 0.1], [0, 0.2], [9, 0], [9, 0.1], [0, 9]])
    clusters = [0, 0, 0, 1, 1, 2]
    assert {clusters[at] for at in pools(found, 3)} == {0, 1, 2}


def test_the_farthest_from_all_that_is_labelled_or_picked_comes_next() -> None:
    found = opinions([[0.0, 0.0]] * 3, places=[[4.0, 0.0], [9.9, 0.0], [10.0, 0.0]])
    assert pools(found, covered=np.zeros((1, 2)), weights=ONE["coverage"]) == [2, 0, 1]


def test_nothing_covered_yet_speaks_for_every_context() -> None:
    assert choose(opinions([[1, 0]]), 1)[0].terms["coverage"] == 1


def test_pools_with_fewer_than_two_candidates_that_may_be_answered_are_never_picked() -> None:
    found = opinions([[1], [], [1, 0], [3, 2, 1]], blocked=[3, 4])  # rows: pool 0 has 0, pool 2 has 1 and 2
    assert pools(found) == [2]
    assert pools(opinions([[1], []])) == []


def test_blocked_answers_are_neither_contenders_nor_voted_for() -> None:
    found = opinions([[9, 1, 0.9]], votes={"b": [[9, 0, 1]]}, blocked=[0])
    (pick,) = choose(found, 1)
    assert 0 not in pick.candidates
    assert pick.terms["disagreement"] == pytest.approx(1)


def test_more_than_there_are_gives_all_of_them_once() -> None:
    assert sorted(pools(opinions([[1, 0], [2, 0], [3, 0]]), 50)) == [0, 1, 2]


def test_contenders_come_first_and_the_hopeless_not_at_all() -> None:
    found = opinions([[-9, 1, 0.9, -9], [5, 5, 5, 5]], votes={"b": [[0, 0, 5, 0], [1, 1, 1, 1]]})
    one, level = contenders(found)
    assert one == (1, 2)
    assert sorted(level) == [0, 1, 2, 3]
    assert all(len(pick.candidates) >= 2 for pick in choose(found, 2))


def test_terms_that_cannot_be_measured_are_unknown_and_left_out_of_the_score() -> None:
    (pick,) = choose(opinions([[1, 1]]), 1)
    assert np.isnan(pick.terms["doubt"])
    assert np.isnan(pick.terms["disagreement"])
    assert pick.score == pytest.approx(1)  # level, and nothing is covered


def test_equals_are_picked_in_an_order_that_the_seed_alone_decides() -> None:
    found = opinions([[1, 0]] * 30)
    assert pools(found, seed=1) == pools(found, seed=1)
    assert pools(found, seed=1) != pools(found, seed=2)


def test_wrong_weights_and_numbers_are_all_named() -> None:
    with pytest.raises(BadInput) as fault:
        choose(opinions([[1, 0]]), 0, weights={"marign": 1.0, "doubt": -1.0})
    assert len(fault.value.problems) == 3
    with pytest.raises(BadInput, match="all weights are 0"):
        choose(opinions([[1, 0]]), 1, weights={"doubt": 0.0})


@st.composite
def any_opinions(draw: st.DrawFn) -> Opinions:
    sizes = draw(st.lists(st.integers(0, 5), min_size=1, max_size=8))
    rows = sum(sizes)
    generator = np.random.default_rng(draw(st.integers(0, 10**6)))
    head = np.where(generator.random(rows) < 0.2, np.nan, generator.random(rows))
    return Opinions(
        group_sizes=tuple(sizes),
        value=generator.integers(-3, 4, rows).astype(np.float64) * draw(st.sampled_from([1e-6, 1.0, 1e6])),
        sensible=head,
        specific=np.clip(generator.normal(0.5, 1, rows), 0, 1),
        votes={name: generator.integers(0, 3, rows).astype(np.float64) for name in "abc"},
        places=generator.normal(size=(len(sizes), 3)),
        eligible=generator.random(rows) < 0.8,
    )


@settings(max_examples=80, deadline=None)
@given(found=any_opinions(), n=st.integers(1, 10), covered=st.integers(0, 3))
def test_every_number_lies_in_0_to_1_and_every_pick_is_allowed(found: Opinions, n: int, covered: int) -> None:
    places = np.random.default_rng(0).normal(size=(covered, 3))
    picks = choose(found, n, covered=places)
    spans = list(found.groups())
    usable = [at for at, rows in enumerate(spans) if found.eligible[rows].sum() > 1]
    assert len(picks) == min(n, len(usable))
    assert len({pick.pool for pick in picks}) == len(picks)
    for pick in picks:
        assert pick.pool in usable
        assert found.eligible[spans[pick.pool]][list(pick.candidates)].all()
        assert len(set(pick.candidates)) == len(pick.candidates) >= 2
        assert list(pick.contention) == sorted(pick.contention, reverse=True)
        for value in (pick.score, *pick.contention, *(v for v in pick.terms.values() if not np.isnan(v))):
            assert 0 <= value <= 1 + 1e-9


@settings(max_examples=30, deadline=None)
@given(found=any_opinions(), scale=st.sampled_from([0.125, 8.0, 1024.0]))  # powers of two: no rounding
def test_the_unit_of_the_rankers_score_does_not_matter(found: Opinions, scale: float) -> None:
    assert pools(found) == pools(replace(found, value=found.value * scale))
