"""What a contradiction of the facts should take off a ranker's score, and how it then chooses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from blender.annotation import annotate
from blender.assembly import assemble
from blender.errors import BadInput
from blender.matrix import Doubles, FeatureMatrix, Floats
from blender.records import Pool
from blender.roles import Ranker
from blender.settings import Settings
from blender.true_to_facts import ANNOTATOR, COLUMN, TrueToFacts


def measured_by(settings: Settings, pools: Sequence[Pool]) -> tuple[TrueToFacts, Ranker, FeatureMatrix]:
    """What ranks callers' candidates, true to facts; what ranks the sources' own; and what they read of pools.

    Every candidate is measured by everything, without a shortlist.

    Raises:
        BadInput: the settings are not those of a bundle, true to facts, with one of its ``own``.
    """
    plain = {key: value for key, value in settings.ranker.items() if key not in ("first", "own_first", "shortlist")}
    parts = assemble(replace(settings, ranker=plain, sources={}, guards={}))
    if not (isinstance(parts.ranker, TrueToFacts) and parts.own):
        raise BadInput("the settings must have own = BUNDLE and true_to_facts = true under [ranker]")
    return parts.ranker, parts.own.ranker, annotate(pools, parts.own.annotators, timeout=None).matrix


def unread(matrix: FeatureMatrix) -> FeatureMatrix:
    """The same where nobody read the facts."""
    known = np.array([not name.startswith(ANNOTATOR + ".") for name in matrix.columns])
    return replace(matrix, values=np.where(known, matrix.values, np.float32(np.nan)))


def fitted_weight(ranker: TrueToFacts, matrix: FeatureMatrix, target: Doubles) -> float:
    """The weight by which scores less weight times P(contrary) come nearest to the target, inside pools.

    Least squares; the target is brought to the scale of a learned ranker's score, whose spread inside pools is 1.

    Args:
        ranker: whose own scores are the start.
        matrix: measured of the candidates.
        target: float64 (rows,), what the candidates are worth.
    """
    contrary = np.asarray(matrix.column(COLUMN), dtype=np.float64)
    scores = ranker.ranker.score(matrix, ()).value.astype(np.float64)
    wanted, scores, contrary = (_inside(each, matrix) for each in (target, scores, contrary))
    wanted = wanted / np.sqrt(np.mean(wanted**2))
    return float(max(0.0, -(contrary @ (wanted - scores)) / (contrary @ contrary)))


def _inside(values: Doubles, matrix: FeatureMatrix) -> Doubles:
    """Less the mean of the pool."""
    found = np.array(values)
    for rows in matrix.groups():
        found[rows] -= found[rows].mean()
    return found


def choices(ranker: Ranker, matrix: FeatureMatrix, kinds: Sequence[str]) -> list[str]:
    """The kind of the best answer of each pool."""
    values: Floats = ranker.score(matrix, ()).value
    return [kinds[int(rows.start + np.argmax(values[rows]))] for rows in matrix.groups()]


def shares(chosen: Sequence[str], asked: NDArray[np.bool_]) -> dict[str, Mapping[str, float]]:
    """Shares of the kinds, of pools in which an answer is backed, and of the others."""
    found: dict[str, Mapping[str, float]] = {}
    for name, wanted in (("about a fact", True), ("about something else", False)):
        own = [kind for kind, about in zip(chosen, asked, strict=True) if bool(about) is wanted]
        found[name] = {"n": len(own), **{kind: count / len(own) for kind, count in Counter(own).most_common()}}
    return found
