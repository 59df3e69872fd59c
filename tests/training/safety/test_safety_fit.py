from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from blender.training.safety.fit import STRENGTHS, SetRows, _even, fit, moments, solve


def rows(seed: int, *, n: int = 300, toxic: bool = True, shift: float = 0.0) -> SetRows:
    """Six inputs, of which the first tells; the last is constant. Words tell a little."""
    generator = np.random.default_rng(seed)
    read = generator.normal(size=(n, 6)).astype(np.float32)
    read[:, -1] = 1
    truth = read[:, 0] + 0.5 * generator.normal(size=n) + shift > 0.5
    said = (truth + generator.normal(size=n)).astype(np.float32)
    kept = truth if toxic else np.zeros(n, dtype=np.bool_)
    everything = np.ones(n, dtype=np.bool_)
    return SetRows(read=read, said=said, toxic=kept, judged=everything, learned=everything)


@pytest.fixture(scope="module")
def sets() -> dict[str, SetRows]:
    return {"one": rows(1), "two": rows(2, n=500, shift=1), "three": rows(3), "talk": rows(4, toxic=False)}


def test_moments_give_the_ridge_of_scikit_learn(sets: dict[str, SetRows]) -> None:
    known = {name: moments(sets[name]) for name in ("one", "two")}
    read = np.concatenate([sets[name].read for name in known]).astype(np.float64)
    toxic = np.concatenate([sets[name].toxic for name in known])
    weight = np.concatenate(
        [np.where(one.toxic, 0.25 / one.toxic.sum(), 0.25 / (~one.toxic).sum()) for one in (sets["one"], sets["two"])]
    )
    make: Any = Ridge  # its constructor carries no types
    expected = make(alpha=3.0).fit(read[:, :-1], np.where(toxic, 1.0, -1.0), sample_weight=weight)
    found = solve(known, list(known), 3.0)
    np.testing.assert_allclose(found[:-1], expected.coef_, atol=1e-6)
    assert found[-1] == pytest.approx(expected.intercept_, abs=1e-6)


def test_what_is_not_learned_from_changes_nothing(sets: dict[str, SetRows]) -> None:
    one = sets["one"]
    learned = np.arange(len(one.toxic)) < 200
    whole = moments(
        SetRows(read=one.read, said=one.said, toxic=one.toxic, judged=one.judged, learned=learned),
    )
    first = SetRows(
        read=one.read[:200], said=one.said[:200], toxic=one.toxic[:200], judged=one.judged[:200], learned=learned[:200]
    )
    np.testing.assert_array_equal(whole[True].square, moments(first)[True].square)


def test_a_left_out_set_is_told_well_and_does_not_enter(sets: dict[str, SetRows]) -> None:
    from sklearn.metrics import roc_auc_score

    known = {name: moments(each) for name, each in sets.items()}
    head = fit(sets, known, ("one", "two", "talk"))
    assert head.strength in STRENGTHS
    assert roc_auc_score(sets["three"].toxic, head.score(sets["three"])) > 0.9
    poisoned = {**sets, "three": rows(9, shift=-5)}
    again = fit(poisoned, {**known, "three": moments(poisoned["three"])}, ("one", "two", "talk"))
    np.testing.assert_array_equal(again.weights, head.weights)
    assert again.curve == head.curve


def test_what_is_known_by_heart_does_not_make_the_curve_bold() -> None:
    """Forty rows of sixty inputs that tell nothing: every set can be learnt by heart, and tells nothing of others."""
    sets: dict[str, SetRows] = {}
    for name in ("one", "two", "three"):
        generator = np.random.default_rng(len(sets))
        read, everything = generator.normal(size=(40, 60)).astype(np.float32), np.ones(40, dtype=np.bool_)
        read[:, -1] = 1
        toxic, said = generator.random(40) < 0.5, np.zeros(40, dtype=np.float32)
        sets[name] = SetRows(read=read, said=said, toxic=toxic, judged=everything, learned=everything)
    head = fit(sets, {name: moments(each) for name, each in sets.items()}, tuple(sets))
    assert float(head.score(rows_like(sets["one"], 9)).std()) < 0.15


def rows_like(one: SetRows, seed: int) -> SetRows:
    """Other rows of the same kind."""
    read = np.random.default_rng(seed).normal(size=one.read.shape).astype(np.float32)
    read[:, -1] = 1
    return replace(one, read=read)


def test_in_the_curve_toxic_and_clean_rows_and_sets_of_any_size_weigh_the_same(sets: dict[str, SetRows]) -> None:
    for each in sets.values():
        learned = np.arange(len(each.toxic)) % 3 > 0
        weight = _even(replace(each, learned=learned))
        sums = [weight[each.toxic == toxic].sum() for toxic in (False, True)]
        assert sums == pytest.approx([1, float(each.toxic.any())]) and not weight[~learned].any()


def test_the_probability_rises_with_score_and_foul_words(sets: dict[str, SetRows]) -> None:
    known = {name: moments(each) for name, each in sets.items()}
    head = fit(sets, known, ("one", "two", "three"))
    assert head.curve[0] > 0
    assert head.curve[1] > 0
    score = head.score(sets["one"])
    assert ((score >= 0) & (score <= 1)).all()
