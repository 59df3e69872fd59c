"""When to abstain: the laxest threshold of which labels prove that few of the given answers are bad.

Learn then test (Angelopoulos, Bates, Candes, Jordan and Lei 2021, arXiv 2110.01052): every threshold has the hypothesis
"more than `risk` of the answers given at it are bad"; they are tested from the strictest on, each at level ``delta``
by the exact binomial tail, and the first that is not rejected ends the sequence (fixed-sequence testing, which needs no
correction for the number of tests). The last one rejected is certified: with probability at least 1 - ``delta`` over
the draw of the labelled contexts at most ``risk`` of the answers given are bad, in the long run, *if future contexts
are exchangeable with the labelled ones*.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import count
from math import ceil

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr

from blender.errors import BadInput
from blender.matrix import Doubles

NOT_SENSIBLE_BELOW = 0.5
DELTA = 0.1
PROBABILITIES: tuple[float, ...] = tuple(at / 100 for at in range(100))
"""Thresholds that are tried for a probability. They are fixed: ones picked by the labels would void the test."""
_MOST_LABELS = 10_000
_LEAST_RISK = 1e-4  # to prove it takes 39,000 answers without a bad one; less is looked for forever


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What labels prove about abstaining.

    Attributes:
        threshold: give an answer if its score is at least this; ``None`` if nothing could be proved.
        risk: the share of bad among given answers that is promised not to be exceeded.
        delta: the chance, over the draw of the labels, that the promise is wrong.
        answers: labelled contexts that were looked at.
        given: of these, how many are answered at the threshold.
        bad: of those given, how many are bad.
        labels_needed: contexts to label in all until a threshold might be certified, judged by the best one seen;
            ``None`` if one was certified, or if more than 10,000 would be needed.
    """

    threshold: float | None
    risk: float
    delta: float
    answers: int
    given: int
    bad: int
    labels_needed: int | None

    def sentence(self) -> str:
        """Plain words."""
        promise = f"at most {100 * self.risk:g}% of the given answers are not sensible"
        if self.threshold is not None:
            return (
                f"With min_sensible = {self.threshold:g}, {promise} (confidence {1 - self.delta:.0%}): of "
                f"{self.answers} labelled contexts {self.given} are answered, {self.bad} of them not sensibly. It "
                "holds as long as conversations, sources and raters stay as they were here, and for no other."
            )
        if self.labels_needed is None:
            return (
                f"No threshold seems to keep the promise that {promise}: the surest of these {self.answers} contexts "
                "are answered badly too often. Allow a larger risk, or use better sources or a bundle trained on such "
                "data."
            )
        return (
            f"{self.answers} labelled contexts do not prove of any threshold that {promise}. About "
            f"{self.labels_needed} might, by what was seen; or allow a larger risk."
        )


def not_sensible(sensible: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which answers count as not sensible: the mean of their raters' labels is below one half; bool (n,)."""
    return np.asarray(sensible) < NOT_SENSIBLE_BELOW


def certify(
    scores: Doubles,
    bad: NDArray[np.bool_],
    *,
    risk: float,
    delta: float = DELTA,
    thresholds: Iterable[float] = PROBABILITIES,
) -> Certificate:
    """Find the laxest threshold of which the labels prove that at most ``risk`` of the answers given are bad.

    Args:
        scores: of the winner of each context, float64 (n,), comparable between contexts, made without these labels;
            one row a conversation, as rows of one are not independent. NaN = never given.
        bad: whether that winner is bad, bool (n,).
        risk: the largest share of bad among given answers, from 0.0001 to below 1.
        delta: the chance that the promise is wrong, above 0 and below 1.
        thresholds: to try, in any order, chosen without looking at ``bad``.

    Raises:
        BadInput: ``risk`` or ``delta`` is out of range, there is no threshold or no row, or lengths differ.
    """
    tried = np.array(sorted(set(thresholds), reverse=True), dtype=np.float64)
    _check(scores, bad, risk, delta, tried)
    given, wrong = _counts(scores, np.asarray(bad, dtype=bool), tried)
    start = int(np.searchsorted(given, max(fewest_to_start(risk, delta), len(scores) // 4)))  # `given` only grows
    proved = bdtr(wrong[start:], given[start:], risk) <= delta
    passed = int(np.argmin(np.append(proved, False)))
    if not passed:
        needed = _labels_needed(given, wrong, len(scores), risk, delta)
        return Certificate(
            threshold=None, risk=risk, delta=delta, answers=len(scores), given=0, bad=0, labels_needed=needed
        )
    last = start + passed - 1
    return Certificate(
        threshold=float(tried[last]),
        risk=risk,
        delta=delta,
        answers=len(scores),
        given=int(given[last]),
        bad=int(wrong[last]),
        labels_needed=None,
    )


@cache
def fewest_to_start(risk: float, delta: float) -> int:
    """Given answers that the first threshold needs: so many that half the risk, if seen, would prove the promise.

    With fewer a single bad answer would end the sequence. `certify` asks for a quarter of the contexts besides, which
    let more answers be given than other shares in exploratory runs.
    """
    return next(n for n in count(1) if bdtr(int(n * risk / 2), n, risk) <= delta)


def _counts(scores: Doubles, bad: NDArray[np.bool_], tried: Doubles) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """How many answers are given at each threshold, and how many of them are bad."""
    at_least = scores[None, :] >= tried[:, None]
    return at_least.sum(1), (at_least & bad[None, :]).sum(1)


def _labels_needed(
    given: NDArray[np.intp], wrong: NDArray[np.intp], answers: int, risk: float, delta: float
) -> int | None:
    """Contexts until the most promising threshold that gives a quarter of the answers passes, if all goes on alike."""
    least = fewest_to_start(risk, delta)
    needed: list[float] = [
        fewest_to_prove(bad / some, risk, delta) * answers / some
        for bad, some in zip(wrong.tolist(), given.tolist(), strict=True)
        if some >= max(1, answers // 4) and bad / some < risk
    ]
    if needed and min(needed) <= _MOST_LABELS:
        return max(answers + least, ceil(min(needed)))  # it may have failed by bad luck alone
    return least if answers < least else None


@cache
def fewest_to_prove(share: float, risk: float, delta: float) -> int:
    """Given answers, of which ``share`` are bad, that prove a share below ``risk`` (``share`` < ``risk``)."""
    low, high = 0, 1
    while bdtr(ceil(high * share), high, risk) > delta:
        low, high = high, 2 * high
    while high - low > 1:  # the tail is not quite monotone in n, as bad answers come whole: one or two too many at most
        middle = (low + high) // 2
        passes = bdtr(ceil(middle * share), middle, risk) <= delta
        low, high = (low, middle) if passes else (middle, high)
    return high


def check_promise(risk: float, delta: float) -> None:
    """Refuse a promise that nothing could prove or break.

    Raises:
        BadInput: ``risk`` or ``delta`` is out of range.
    """
    if wrong := _out_of_range(risk, delta):
        raise BadInput(wrong)


def _out_of_range(risk: float, delta: float) -> list[str]:
    shares = {"risk": risk, "delta": delta}
    wrong = [
        f"{name} must lie between 0 and 1 (both excluded), is {share}"
        for name, share in shares.items()
        if not 0 < share < 1
    ]
    if 0 < risk < _LEAST_RISK:
        wrong.append(
            f"risk must be at least {_LEAST_RISK:g}, is {risk:g}: less takes tens of thousands of labels to prove"
        )
    return wrong


def _check(scores: Doubles, bad: NDArray[np.bool_], risk: float, delta: float, tried: Doubles) -> None:
    problems = {
        f"there must be one label per score, got {len(scores)} scores and {len(bad)} labels": len(scores) != len(bad),
        "there is no labelled winner; label some contexts": not len(scores),
        "there is no threshold to try; give at least one": not len(tried),
    }
    wrong = [*_out_of_range(risk, delta), *(problem for problem, is_wrong in problems.items() if is_wrong)]
    if wrong:
        raise BadInput(wrong)
