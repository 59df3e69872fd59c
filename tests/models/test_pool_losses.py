from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from blender.models import pool_judge
from blender.models.pool_judge import Remembered, portions
from blender.models.pool_losses import PoolAnswers
from blender.models.scoring import Judged
from blender.models.tree import Branch
from blender.records import Candidate, Pool, Sampled


def test_what_was_judged_behind_the_same_root_is_remembered_until_it_is_the_least_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pool_judge, "REMEMBERED", 3)
    asked: list[list[Branch]] = []

    def judge(roots: Sequence[Sequence[int]], branches: Sequence[Branch]) -> list[Judged]:
        asked.append(list(branches))
        return [Judged(tokens=np.full(len(b.tokens), -len(roots[b.root]), np.float32), end=-1.0) for b in branches]

    remembered = Remembered()
    roots, one, two = [[1, 2], [1, 2, 3]], Branch(0, (7, 8), True), Branch(1, (7, 8), True)
    found = remembered.through(judge, roots, [one, two, one])
    assert [float(each.tokens[0]) for each in found] == [-2, -3, -2]
    assert remembered.through(judge, roots, [two, one])[1].tokens is found[0].tokens
    assert asked == [[one, two], []]
    remembered.through(judge, roots, [Branch(0, (9,), True), Branch(0, (9,), False)])
    remembered.through(judge, roots, [one, two])
    assert asked[3] == [two]
    remembered.through(judge, roots, [one, two], lambda judged: judged.end > 0)
    assert asked[4] == [one, two]


def test_pools_are_parted_in_their_order() -> None:
    pools = [Pool.of("Hi!", ["a"] * size) for size in (100, 200, 0, 300, 5)]
    assert list(portions(pools)) == [pools[:2], pools[2:4], pools[4:]]
    assert list(portions([])) == []


def test_what_is_known_is_put_together_with_what_is_judged() -> None:
    known = Candidate(text="b", sampled=Sampled(fingerprint="p", logprobs=(-1.0, -3.0, -0.5)))
    pool = PoolAnswers((Candidate(text="a"), known, Candidate(text="")), [[4], [5, 6], []], "p")
    assert pool.unknown(2) == [Branch(2, (4,), True)]
    alone = [Judged(tokens=np.array([loss], dtype=np.float32), end=np.nan) for loss in (-7.0, -8.0)]
    found = pool.losses([Judged(tokens=np.array([-2.0], dtype=np.float32), end=-0.25)], [*alone, None])
    np.testing.assert_array_equal(found.conditional, [2, 2, np.nan])
    np.testing.assert_array_equal(found.alone, [7, 8, np.nan])
    np.testing.assert_array_equal(found.worst, [2, 3, np.nan])
    np.testing.assert_array_equal(found.end_of_turn, [0.25, 0.5, np.nan])
    np.testing.assert_array_equal(found.tokens, [1, 2, 0])


def test_of_a_very_long_answer_the_beginning_is_asked_for() -> None:
    pool = PoolAnswers((Candidate(text="a"),), [[4] * 1000], "p")
    assert pool.unknown(0) == [Branch(0, (4,) * 256, False)]
    assert PoolAnswers((Candidate(text="a"),), [[4] * 256], "p").unknown(0) == [Branch(0, (4,) * 256, True)]


@pytest.mark.parametrize(
    "noted",
    [
        pytest.param(Sampled(fingerprint="q", logprobs=(-1.0, -0.5)), id="another prompt"),
        pytest.param(Sampled(fingerprint="p", logprobs=(-1.0, -3.0, -0.5)), id="another text"),
        pytest.param(Sampled(fingerprint="p", logprobs=(-1.0, -0.5), finished=False), id="no end"),
    ],
)
def test_what_was_noted_of_something_else_is_asked_for(noted: Sampled) -> None:
    pool = PoolAnswers((Candidate(text="a", sampled=noted),), [[4]], "p")
    assert pool.unknown(0) == [Branch(0, (4,), True)]
