"""Abstaining: the promise holds where contexts are exchangeable, and only there."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom  # type: ignore[attr-defined]

from blender.errors import BadInput
from blender.judging.selective import PROBABILITIES, certify, fewest_to_prove, fewest_to_start, not_sensible

REPEATS = 400


def draw(generator: np.random.Generator, size: int, *, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Scores of winners and whether they are bad: P(bad) is 1 - score, raised by ``shift``."""
    scores = generator.beta(4, 1.2, size)
    return scores, generator.random(size) < np.clip(1 - scores + shift, 0, 1)


def true_risks(*, shift: float = 0.0) -> dict[float, float]:
    """The long-run risk of each threshold."""
    scores = np.sort(draw(np.random.default_rng(99), 200_000)[0])[::-1]
    mean = np.cumsum(np.clip(1 - scores + shift, 0, 1)) / np.arange(1, len(scores) + 1)
    return {one: float(mean[np.searchsorted(-scores, -one, side="right") - 1]) for one in PROBABILITIES}


def certified(risk: float, contexts: int = 300) -> list[float]:
    """The thresholds of all repeats in which one was certified."""
    found = [certify(*draw(np.random.default_rng(seed), contexts), risk=risk).threshold for seed in range(REPEATS)]
    return [one for one in found if one is not None]


@pytest.mark.slow
@pytest.mark.parametrize("risk", [0.1, 0.2])
def test_the_promise_is_broken_in_a_tenth_of_the_draws_at_most_and_is_not_empty(risk: float) -> None:
    given, true = certified(risk), true_risks()
    assert sum(true[one] > risk for one in given) <= binom.ppf(0.999, REPEATS, 0.1)
    assert len(given) > REPEATS / 3


@pytest.mark.slow
def test_on_other_contexts_the_promise_is_broken() -> None:
    given, elsewhere = certified(0.1), true_risks(shift=0.1)
    assert sum(elsewhere[one] > 0.1 for one in given) > 0.9 * len(given) > 0


@pytest.mark.slow
def test_taking_the_observed_risk_at_its_word_would_break_the_promise() -> None:
    """What the first test would see if nothing were tested: it can fail."""
    true, exceeding = true_risks(), 0
    for seed in range(REPEATS):
        scores, bad = draw(np.random.default_rng(seed), 300)
        kept = [one for one in PROBABILITIES if (scores >= one).sum() > 20 and bad[scores >= one].mean() <= 0.1]
        exceeding += bool(kept) and true[min(kept)] > 0.1
    assert exceeding > binom.ppf(0.999, REPEATS, 0.1)


def test_good_answers_are_all_given_and_bad_ones_never() -> None:
    scores = np.linspace(0, 1, 200)
    assert certify(scores, np.zeros(200, dtype=bool), risk=0.1).threshold == 0
    nothing = certify(scores, np.ones(200, dtype=bool), risk=0.1)
    assert nothing.threshold is None and nothing.labels_needed is None
    assert "No threshold" in nothing.sentence()


def test_the_threshold_separates() -> None:
    """Bad below 0.6: the laxest threshold lets in as many of these as the test bears, and no more."""
    scores = np.linspace(0, 1, 1001)
    found = certify(scores, scores < 0.6, risk=0.1)
    assert found.threshold is not None and 0.55 < found.threshold < 0.6
    assert found.given == (scores >= found.threshold).sum() and found.bad == found.given - (scores >= 0.6).sum()
    assert binom.cdf(found.bad, found.given, 0.1) <= 0.1 < binom.cdf(found.bad + 10, found.given + 10, 0.1)
    assert f"{found.threshold:g}" in found.sentence()


def test_what_fails_between_ends_the_sequence() -> None:
    """All answers together are good enough again; that is not looked at, or the chances would add up."""
    scores = np.repeat([0.9, 0.6, 0.3], [200, 60, 540])
    found = certify(scores, scores == 0.6, risk=0.1)
    assert found.threshold == 0.61 and (found.given, found.bad) == (200, 0)


def test_few_labels_prove_nothing_and_it_is_said_how_many_would() -> None:
    scores, bad = draw(np.random.default_rng(1), 40)
    few = certify(scores, bad, risk=0.1)
    assert few.threshold is None and few.labels_needed is not None
    assert few.labels_needed > 40
    scores, bad = draw(np.random.default_rng(2), 3 * few.labels_needed)
    assert certify(scores, bad, risk=0.1).threshold is not None
    assert str(few.labels_needed) in few.sentence()


def test_what_has_no_score_is_never_given() -> None:
    scores = np.concatenate([np.full(100, 0.9), np.full(100, np.nan)])
    found = certify(scores, np.isnan(scores), risk=0.1)
    assert (found.threshold, found.given, found.bad, found.answers) == (0.0, 100, 0, 200)


@pytest.mark.parametrize("risk", [0.05, 0.1, 0.2])
def test_the_numbers_of_answers_are_the_least_that_do(risk: float) -> None:
    start = fewest_to_start(risk, 0.1)
    assert binom.cdf(int(start * risk / 2), start, risk) <= 0.1
    assert binom.cdf(int((start - 1) * risk / 2), start - 1, risk) > 0.1
    prove = fewest_to_prove(risk / 4, risk, 0.1)
    assert binom.cdf(np.ceil(prove * risk / 4), prove, risk) <= 0.1
    assert fewest_to_prove(0.9 * risk, risk, 0.1) > 5 * prove


def test_a_soft_label_is_sensible_from_one_half_on() -> None:
    assert not_sensible(np.array([0.0, 0.49, 0.5, 1.0])).tolist() == [True, True, False, False]


def test_all_that_is_wrong_is_said() -> None:
    with pytest.raises(BadInput) as caught:
        certify(np.zeros(0), np.zeros(2, dtype=bool), risk=1.5, delta=0.0, thresholds=())
    assert len(caught.value.problems) == 5
    assert "is 1.5" in str(caught.value)
