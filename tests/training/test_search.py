"""The search keeps what recovers more on what it left out, and no trees where trees do not pay."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from blender.training.fit import OrderSettings
from blender.training.heads import HeadSettings
from blender.training.search import fit_ranker, search, telling_pools, try_settings
from tests.training.conftest import COLUMNS, DIRECTIONS, make_examples

SMALL = OrderSettings(most_rounds=40, smallest_leaf=20, bags=1)


def test_trees_are_kept_where_they_pay() -> None:
    trial = try_settings(make_examples(pools=450, bend=1.0), DIRECTIONS, replace(SMALL, monotone=False))
    assert trial.rounds > 10
    assert trial.value > trial.linear + 0.02


def test_the_better_settings_come_first_and_both_objectives_are_told() -> None:
    grid = [replace(SMALL, ridge=1e6, most_rounds=0), replace(SMALL, ridge=0.1), replace(SMALL, objective="lambdarank")]
    trials = search(make_examples(pools=450, bend=1.0), DIRECTIONS, grid)
    assert [trial.value for trial in trials] == sorted((trial.value for trial in trials), reverse=True)
    assert {trial.settings.objective for trial in trials} == {"regression", "lambdarank"}
    assert trials[-1].settings.ridge == 1e6
    assert trials[-1].rounds == 0


def test_choices_between_two_do_not_decide_where_larger_pools_are() -> None:
    examples = make_examples(pools=60)
    sizes = examples.matrix.group_sizes
    assert telling_pools(examples) == {at for at, size in enumerate(sizes) if size >= 3}
    pairs = examples.take([at for at, size in enumerate(sizes) if size == 2])
    assert telling_pools(pairs) == set(range(len(pairs)))


def test_a_label_that_one_head_lacks_costs_that_head_only() -> None:
    examples = make_examples()
    blank = replace(examples, specific=np.full(len(examples.target), np.nan))
    ranker = fit_ranker(blank, DIRECTIONS, SMALL, 5, HeadSettings(most_rounds=10, bags=1))
    assert ranker.columns == COLUMNS
    assert ranker.sensible is not None and ranker.specific is None
    scores = ranker.score(examples.matrix)
    assert np.isfinite(scores.value).all() and np.isnan(scores.specific).all()


def test_nothing_is_tried_where_the_number_of_trees_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blender.training.search.fit_order", lambda *_, **__: pytest.fail("a fit"))
    (trial,) = search(make_examples(60), DIRECTIONS, [replace(OrderSettings(), rounds=7)])
    assert trial.rounds == 7


@pytest.mark.parametrize("seed", [4, 5, 7])  # their means in a pool are off by rounding
def test_heads_that_say_the_same_of_all_do_not_drown_the_order(seed: int) -> None:
    examples = make_examples(pools=20, seed=seed)  # too few rows for a split
    ranker = fit_ranker(examples, DIRECTIONS, OrderSettings(), 0, HeadSettings(rounds=60, chained=True))
    assert ranker.sensible is not None and np.ptp(ranker.sensible.own(examples.matrix)) == 0
    assert ranker.head_weight == 0
    assert np.ptp(ranker.score(examples.matrix).value) > 0.1
