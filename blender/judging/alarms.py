"""Alarms: what makes labels, scores or features of labelled pools untrustworthy, said before anybody trusts them.

| kind | raised when | why there |
|---|---|---|
| source | the source's name explains 40 % of the variance inside pools | of the public sets 11 of 13 lie below it |
| length | Spearman's correlation with the length is 0.5 or more either way | it then explains a quarter of the ranks |
| position | it is 0.2 or more with the place in the pool | a place should say nothing: 4 % of the ranks |
| constant | an annotator gives one value throughout | it cannot tell answers apart |
| saturated | 95 % of an annotator's values are its lowest, or its highest | it is silent in most pools of ten |
| inverted | it runs against its declared direction | interval excludes 0, corrected for the number of columns |
| missing | more than half of its values are unknown | what it says is said of a minority |
| split | a context stands on both sides of a split | one is too many: the ranker is judged on what it saw |
| rater | one rater gave 80 % of the ratings or more | agreement is unknown, the labels are one person's taste |

Correlations alarm only where their 95 % interval excludes 0, and nothing is said of fewer than 20 candidates.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from blender.judging.answers import root_of
from blender.judging.association import Association, association, explained_by_name
from blender.judging.overlap import overlaps
from blender.judging.pools import LabelledPool
from blender.judging.target import targets
from blender.matrix import FeatureMatrix

Kind = Literal["source", "length", "position", "constant", "saturated", "inverted", "missing", "split", "rater"]
Severity = Literal["warning", "serious"]

SOURCE, LENGTH, POSITION = 0.4, 0.5, 0.2
SATURATED, MISSING, ONE_RATER = 0.95, 0.5, 0.8
FEWEST = 20  # candidates; of fewer nothing is said
BESIDE_LENGTH = "compare every result with always taking the longest and the shortest answer"
LENGTH_FREE = "if length is no quality to you, set length_free = true under [ranker] of the settings"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One reason for distrust.

    Attributes:
        kind: what sort of fault, see the table of the module.
        severity: ``serious`` = figures that rest on it mislead; ``warning`` = look at it.
        what: one sentence that says what was found and what to do.
        evidence: the figures behind it, by name.
    """

    kind: Kind
    severity: Severity
    what: str
    evidence: Mapping[str, float | str]


def alarms(
    pools: Sequence[LabelledPool],
    matrix: FeatureMatrix | None = None,
    *,
    directions: Mapping[str, int] | None = None,
    scores: ArrayLike | None = None,
    split: Sequence[str] | None = None,
) -> tuple[Alarm, ...]:
    """Everything to distrust, serious first.

    Args:
        pools: labelled; pools without any label only count for the split.
        matrix: their features, rows in the order of the pools; ``None`` = none to look at.
        directions: +1 or -1 by column where higher or lower is declared to be better; 0 or absent = neither.
        scores: a ranker's, float (rows,); NaN = none.
        split: the side of each pool, such as ``train``; ``None`` = there is no split.

    Raises:
        ValueError: matrix, scores or split do not fit the pools.
    """
    sizes = [len(labelled) for labelled in pools]
    if matrix is not None and list(matrix.group_sizes) != sizes:
        raise ValueError(f"the matrix has groups of {matrix.group_sizes}, the pools {tuple(sizes)} candidates")
    if split is not None and len(split) != len(pools):
        raise ValueError(f"expected one side for each of {len(pools)} pools, got {len(split)}")
    target = _target(pools)
    judged: dict[str, NDArray[np.float64]] = {"human score": target}
    if scores is not None:
        judged["ranker's score"] = np.asarray(scores, dtype=np.float64)
    found = [alarm for name, values in judged.items() for alarm in _explained(name, values, pools, sizes)]
    if matrix is not None and len(matrix) >= FEWEST:
        found += _columns(matrix, target, directions or {})
    found += _both_sides(pools, split) if split is not None else []
    found += _one_rater(pools)
    return tuple(sorted(found, key=lambda alarm: alarm.severity != "serious"))


def _target(pools: Sequence[LabelledPool]) -> NDArray[np.float64]:
    """Target of every candidate, float64 (rows,); NaN = no label, also where a whole set has none."""
    labelled = [at for at, p in enumerate(pools) if not np.isnan([p.sensible, p.specific, p.overall]).all()]
    values = [np.full(len(pool), np.nan) for pool in pools]
    for at, found in zip(labelled, targets([pools[at] for at in labelled]).values if labelled else (), strict=True):
        values[at] = found
    return np.concatenate([np.zeros(0), *values])


def _explained(
    name: str, values: NDArray[np.float64], pools: Sequence[LabelledPool], sizes: Sequence[int]
) -> Iterator[Alarm]:
    """Source, length and place against one score."""
    if values.shape != (sum(sizes),):
        raise ValueError(f"expected one {name} for each of {sum(sizes)} candidates, got {values.shape}")
    if np.isfinite(values).sum() < FEWEST:
        return
    candidates = [candidate for labelled in pools for candidate in labelled.pool.candidates]
    share = explained_by_name(values, [candidate.source for candidate in candidates], sizes)
    if share >= SOURCE:
        what = (
            f"Who gave the answer explains {share:.0%} of the {name} inside pools: a ranker can score by the source "
            "instead of the answer. Keep source names out of the features, and look at each source alone."
        )
        yield _alarm("source", "serious", what, of=name, share=share)
    long = np.array([len(candidate.text) for candidate in candidates])
    place = np.concatenate([np.zeros(0), *map(np.arange, sizes)])
    tests: tuple[tuple[Kind, ArrayLike, float, str], ...] = (
        ("length", long, LENGTH, f"{BESIDE_LENGTH}; {LENGTH_FREE}"),
        ("position", place, POSITION, "shuffle the candidates of each pool, and break ties by lot"),
    )
    for kind, by, least, advice in tests:
        link = association(by, values, sizes)
        if abs(link.rho) >= least and link.sure:
            what = f"The {kind} of an answer goes with the {name} ({_spearman(link)}): {advice}."
            yield _alarm(kind, "serious", what, of=name, rho=link.rho, low=link.low, high=link.high, rows=link.rows)


def _columns(matrix: FeatureMatrix, target: NDArray[np.float64], directions: Mapping[str, int]) -> Iterator[Alarm]:
    """Annotators that fail, one alarm a column at most."""
    directed = sum(bool(directions.get(name)) for name in matrix.columns)
    for name in matrix.columns:
        values = matrix.column(name).astype(np.float64)
        known = values[np.isfinite(values)]
        gone = 1 - len(known) / len(values)
        if gone > MISSING:
            what = (
                f"{name} is unknown for {gone:.0%} of the candidates: see why its annotator is silent, or leave it out "
                "(of long pools a blender with a shortlist measures the best alone)."
            )
            yield _alarm("missing", "warning", what, column=name, share=gone)
        elif alarm := _stuck(name, known) or _inverted(name, values, target, matrix, directions, directed):
            yield alarm


def _stuck(name: str, known: NDArray[np.float64]) -> Alarm | None:
    """One value throughout, or most values at one end."""
    if len(known) < FEWEST:
        return None
    if np.ptp(known) == 0:
        what = f"{name} is {known[0]:g} for every candidate: it tells nothing apart; leave it out or mend it."
        return _alarm("constant", "warning", what, column=name, value=float(known[0]))
    end, share = max(((v, float((known == v).mean())) for v in (known.min(), known.max())), key=lambda pair: pair[1])
    if share < SATURATED:
        return None
    what = f"{name} is {end:g} for {share:.0%} of the candidates: its scale ends where the answers are."
    return _alarm("saturated", "warning", what, column=name, value=float(end), share=share)


def _inverted(
    name: str,
    values: NDArray[np.float64],
    target: NDArray[np.float64],
    matrix: FeatureMatrix,
    directions: Mapping[str, int],
    directed: int,
) -> Alarm | None:
    """A column whose correlation with the target has the other sign, with an interval that leaves no doubt."""
    declared = directions.get(name, 0)
    if not declared:
        return None
    link = association(values, target, matrix.group_sizes, level=1 - 0.05 / directed)  # Bonferroni
    if link.rows < FEWEST or not link.sure or link.rho * declared > 0:
        return None
    way = "higher" if declared > 0 else "lower"
    what = (
        f"{name} is declared to be better when {way}, but raters prefer the contrary here "
        f"({_spearman(link)}): a plain average of annotators is misled by it."
    )
    return _alarm(
        "inverted", "warning", what, column=name, declared=declared, rho=link.rho, low=link.low, high=link.high
    )


def _both_sides(pools: Sequence[LabelledPool], split: Sequence[str]) -> list[Alarm]:
    """Dialogs by id, and contexts by their last two turns in normal form, on both sides."""
    sides = {id(labelled): side for labelled, side in zip(pools, split, strict=True)}
    found = []
    for pair in overlaps(pools, lambda labelled: sides[id(labelled)]):
        if pair.contexts:
            what = (
                f"{pair.contexts} of {pair.of} contexts (last two turns) stand in {pair.first} and in {pair.second}: a "
                "ranker would be judged on what it was trained on. Keep them on one side."
            )
            sides_of = f"{pair.first}, {pair.second}"
            found.append(_alarm("split", "serious", what, contexts=pair.contexts, of=pair.of, sides=sides_of))
    by_dialog: dict[tuple[str, str], set[str]] = {}
    for labelled, side in zip(pools, split, strict=True):
        by_dialog.setdefault(root_of(labelled), set()).add(side)
    torn = [root for (_, root), there in by_dialog.items() if len(there) > 1]
    if torn:
        what = f"{len(torn)} dialogs stand on both sides of the split, such as {torn[0]!r}: keep their turns together."
        found.append(_alarm("split", "serious", what, dialogs=len(torn), example=torn[0]))
    return found


def _one_rater(pools: Sequence[LabelledPool]) -> list[Alarm]:
    """One rater who did nearly everything, where raters are known by name."""
    given: Counter[str] = Counter()
    for labelled in pools:
        ratings = labelled.ratings
        if ratings is None or not ratings.named:
            continue
        said = ~np.isnan([ratings.sensible, ratings.specific, ratings.overall]).all(axis=0)
        given.update(dict(zip(ratings.raters, said.sum(axis=1).tolist(), strict=True)))
    total = given.total()
    if total < FEWEST:
        return []
    rater, count = given.most_common(1)[0]
    if count < ONE_RATER * total:
        return []
    what = (
        f"{rater} gave {count / total:.0%} of the {total} ratings: agreement cannot be estimated, and the labels are "
        "one person's taste. Let others label the same answers."
    )
    return [_alarm("rater", "warning", what, rater=rater, share=count / total, ratings=total)]


def _alarm(kind: Kind, severity: Severity, what: str, **evidence: float | str) -> Alarm:
    return Alarm(kind=kind, severity=severity, what=what, evidence=evidence)


def _spearman(link: Association) -> str:
    return f"Spearman {link.rho:+.2f}, {link.low:+.2f} to {link.high:+.2f}"
