"""What to label next: which contexts, and which of their answers, are expected to change the ranker's choice most.

Four reasons to label a context, each a number on 0..1, their weighted mean the score it is picked by:

- ``disagreement``: the vote entropy of a committee of rankers (Dagan and Engelson, ICML 1995; query by committee:
  Seung, Opper and Sompolinsky, COLT 1992), divided by the largest it could be: 0 = all pick the same answer.
- ``margin``: how close the best two are by the ranker at hand (margin sampling: Scheffer, Decomain and Wrobel, IDA
  2001): exp(-gap / spread), with the ranker's typical spread inside pools as the unit; 1 = level.
- ``doubt``: entropy in bits of P(sensible) and P(specific), mean over the answers by their chance to win; 1 = 50 %.
- ``coverage``: distance to the nearest context that is labelled or picked before, divided by the largest there is
  (greedy k-centre: Sener and Savarese, ICLR 2018); 1 = the farthest away, or nothing is covered yet.

Whether this beats drawing at random is another matter: `docs/active-labelling.md` has what a simulation found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from blender.errors import BadInput
from blender.matrix import Doubles, spans

Flags = NDArray[np.bool_]
TERMS = ("disagreement", "margin", "doubt", "coverage")
EQUAL: Mapping[str, float] = MappingProxyType(dict.fromkeys(TERMS, 1.0))
HOPELESS = 0.1
"""Contention below which an answer is not worth a label: no vote in five, and 1.6 spreads behind the best."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Opinions:
    """What is thought of contexts that could be labelled; rows are answers, contexts one after the other.

    Attributes:
        group_sizes: answers per context; they sum to n_rows.
        value: float64 (n_rows,), order of the ranker at hand.
        sensible: float64 (n_rows,), P(sensible); NaN = the ranker gives none.
        specific: float64 (n_rows,), P(specific); NaN = the ranker gives none.
        votes: score of every row by each ranker of the committee, float64 (n_rows,); one that finds all answers of a
            context alike abstains there, ties share a vote.
        places: float64 (n_contexts, dimensions): contexts that are alike lie close together.
        eligible: bool (n_rows,), whether a row may be answered at all; what is blocked is never picked.
    """

    group_sizes: tuple[int, ...]
    value: Doubles
    sensible: Doubles
    specific: Doubles
    votes: Mapping[str, Doubles]
    places: Doubles
    eligible: Flags

    def __post_init__(self) -> None:
        rows = {len(self.value), len(self.sensible), len(self.specific), len(self.eligible)}
        if rows | {len(vote) for vote in self.votes.values()} != {sum(self.group_sizes)}:
            raise ValueError(f"one number per answer: the contexts have {sum(self.group_sizes)} answers")
        if len(self.places) != len(self.group_sizes):
            raise ValueError(f"{len(self.group_sizes)} contexts, {len(self.places)} places")

    def groups(self) -> Iterator[slice]:
        """Rows of each context, in order."""
        return spans(self.group_sizes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """A context worth labelling, and why.

    Attributes:
        pool: its number.
        score: weighted mean of the terms that are known, on 0..1.
        terms: by name (`TERMS`), each on 0..1; NaN = could not be measured (no heads, no second ranker).
        candidates: positions in the pool of the answers that may yet win, the likeliest first; at least two.
        contention: of each of them, on 0..1: mean of its share of the votes and its closeness to the best.
    """

    pool: int
    score: float
    terms: Mapping[str, float] = field(hash=False)
    candidates: tuple[int, ...]
    contention: tuple[float, ...]


def choose(
    opinions: Opinions,
    n: int,
    *,
    covered: Doubles | None = None,
    weights: Mapping[str, float] = EQUAL,
    seed: int = 0,
) -> list[Pick]:
    """Pick contexts one by one, each with the highest score given those before it.

    Contexts with fewer than two eligible answers have no choice to change and are never picked.

    Args:
        opinions: of contexts that are not labelled.
        n: how many; fewer come back if there are not so many.
        covered: places of contexts that are labelled already, float64 (any, dimensions); default: none.
        weights: of the terms, by name; what is not named counts 0.
        seed: of the order in which equals are picked.

    Raises:
        BadInput: a weight is negative, has no known name, or all are 0.
    """
    _check(weights, n)
    usable = [at for at, rows in enumerate(opinions.groups()) if opinions.eligible[rows].sum() > 1]
    left = np.random.default_rng(seed).permutation(np.array(usable, dtype=np.intp))
    contention, fixed = _fixed_terms(opinions)
    shares = np.array([weights.get(name, 0.0) for name in TERMS])
    nearest = np.full(len(opinions.group_sizes), np.inf)
    for place in () if covered is None else covered:
        nearest = np.minimum(nearest, _distance(opinions.places, place))
    picks: list[Pick] = []
    while len(left) and len(picks) < n:
        terms = np.column_stack([fixed[left], _novelty(nearest[left])])
        scores = _weighted(terms, shares)
        first = int(np.argmax(scores))
        at = int(left[first])
        picks.append(_pick(opinions, at, float(scores[first]), terms[first], contention))
        nearest = np.minimum(nearest, _distance(opinions.places, opinions.places[at]))
        left = np.delete(left, first)
    return picks


def _distance(places: Doubles, place: Doubles) -> Doubles:
    found: Doubles = np.linalg.norm(places - place, axis=1)
    return found


def _pick(opinions: Opinions, at: int, score: float, terms: Doubles, contention: Doubles) -> Pick:
    rows = list(opinions.groups())[at]
    order = _contenders(contention[rows], opinions.eligible[rows])
    return Pick(
        pool=at,
        score=score,
        terms=dict(zip(TERMS, map(float, terms), strict=True)),
        candidates=order,
        contention=tuple(float(contention[rows][row]) for row in order),
    )


def contenders(opinions: Opinions) -> list[tuple[int, ...]]:
    """Of every context the positions of the answers that may yet win, as in `Pick`; all eligible ones if under two."""
    contention, _ = _fixed_terms(opinions)
    return [_contenders(contention[rows], opinions.eligible[rows]) for rows in opinions.groups()]


def _check(weights: Mapping[str, float], n: int) -> None:
    unknown = sorted(set(weights) - set(TERMS))
    problems = [f"unknown reason {name!r} to label a context; known are {', '.join(TERMS)}" for name in unknown]
    negative = [(name, weight) for name, weight in weights.items() if not weight >= 0]  # NaN is none either
    problems += [f"the weight of {name!r} must be 0 or more, got {weight}" for name, weight in negative]
    if not any(weights.values()):
        problems.append("all weights are 0, so nothing would be picked for a reason; give one that is above 0")
    if n < 1:
        problems.append(f"the number of contexts to label must be at least 1, got {n}")
    if problems:
        raise BadInput(problems)


def _fixed_terms(opinions: Opinions) -> tuple[Doubles, Doubles]:
    """Contention of every row, and the terms but for coverage, float64 (n_contexts, 3)."""
    closeness = _closeness(opinions)
    contention = np.zeros(len(opinions.value))
    terms = np.full((len(opinions.group_sizes), len(TERMS) - 1), np.nan)
    for at, rows in enumerate(opinions.groups()):
        open_rows = rows.start + np.flatnonzero(opinions.eligible[rows])
        if len(open_rows) < 2:
            continue
        shares, disagreement = _vote(opinions.votes, open_rows)
        contention[open_rows] = (shares + closeness[open_rows]) / 2
        second = float(np.sort(closeness[open_rows])[-2])
        terms[at] = disagreement, second, _doubt(opinions, open_rows, contention[open_rows])
    return contention, terms


def _closeness(opinions: Opinions) -> Doubles:
    """exp(-(best of the pool - value) / spread), float64 (n_rows,); 0 for what is not eligible."""
    gap, variances = np.full(len(opinions.value), np.inf), []
    for rows in opinions.groups():
        open_rows = rows.start + np.flatnonzero(opinions.eligible[rows])
        if len(open_rows):
            values = opinions.value[open_rows]
            gap[open_rows] = values.max() - values
            variances.append(values.var())
    spread = float(np.sqrt(np.mean(variances))) if variances else 0.0
    if spread <= 0:  # the ranker finds all alike everywhere
        return np.where(np.isfinite(gap), 1.0, 0.0)
    return np.asarray(np.exp(-gap / spread), dtype=np.float64)


def _vote(votes: Mapping[str, Doubles], rows: NDArray[np.intp]) -> tuple[Doubles, float]:
    """Share of the votes of each row, and how divided they are; NaN with fewer than two voters."""
    ballots = [scores[rows] == scores[rows].max() for scores in votes.values() if np.ptp(scores[rows]) > 0]
    if not ballots:
        return np.full(len(rows), 1 / len(rows)), float("nan")
    shares = np.mean([ballot / ballot.sum() for ballot in ballots], axis=0)
    if len(ballots) < 2:
        return shares, float("nan")
    some = shares[shares > 0]
    most = np.log(min(len(ballots), len(rows)))
    return shares, float(np.clip(0 - (some * np.log(some)).sum() / most, 0, 1))  # 0, not -0


def _doubt(opinions: Opinions, rows: NDArray[np.intp], contention: Doubles) -> float:
    """Mean entropy of the heads in bits, by contention; NaN without heads."""
    means = []
    for head in (opinions.sensible, opinions.specific):
        p, known = np.clip(head[rows], 1e-9, 1 - 1e-9), ~np.isnan(head[rows])
        if known.any():
            bits = -(p * np.log2(p) + (1 - p) * np.log2(1 - p))
            means.append(np.average(bits[known], weights=contention[known] + 1e-9))
    return float(np.mean(means)) if means else float("nan")


def _novelty(nearest: Doubles) -> Doubles:
    """Distance to the nearest covered context by the largest of those left; 1 where nothing is covered yet."""
    if not np.isfinite(nearest).all():
        return np.ones(len(nearest))
    farthest = nearest.max(initial=0.0)
    return np.asarray(nearest / farthest) if farthest > 0 else np.zeros(len(nearest))


def _weighted(terms: Doubles, weights: Doubles) -> Doubles:
    """Weighted mean of the known terms of each row; 0 where none is known."""
    known = ~np.isnan(terms) * weights
    total = known.sum(1)
    mean: Doubles = np.divide((np.nan_to_num(terms) * known).sum(1), total, out=np.zeros(len(terms)), where=total > 0)
    return mean


def _contenders(contention: Doubles, eligible: Flags) -> tuple[int, ...]:
    """Eligible positions, the likeliest winner first, without the hopeless; at least two."""
    order = [int(at) for at in np.argsort(-contention, kind="stable") if eligible[at]]
    return tuple(at for place, at in enumerate(order) if place < 2 or contention[at] >= HOPELESS)
