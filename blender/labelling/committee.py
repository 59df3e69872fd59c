"""The rankers that vote on what to label next, and the places of contexts, both from what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from blender.baselines import Perplexity
from blender.fusion import ANNOTATORS_READ, Average, ReciprocalRankFusion
from blender.index.context import context_text, embed_contexts
from blender.index.settings import TextEncoder
from blender.lamda import Lamda
from blender.matrix import Doubles, FeatureMatrix
from blender.records import Dialog
from blender.roles import Ranker, Scores

RANKER, AVERAGE = "ranker", "plain average"
LAMDA = "3 P(sensible) + P(specific)"
TURNS = 8
FADE = 0.5


def committee(matrix: FeatureMatrix, scores: Scores, rules: Mapping[str, Doubles] | None = None) -> dict[str, Doubles]:
    """Scores of every row by the ranker at hand and by each rule whose columns were measured, float64 (n_rows,).

    The rules: plain average, rank fusion, lowest perplexity and, with both heads, LaMDA's. Rules of thumb that no one
    would serve (the longest, the shortest) have no vote: they would disagree everywhere.

    Args:
        matrix: plain columns.
        scores: of the ranker at hand.
        rules: `rule_votes` of these rows, if they are known already.
    """
    votes = {RANKER: scores.value.astype(np.float64), **(rule_votes(matrix) if rules is None else rules)}
    if len(matrix) and not (np.isnan(scores.sensible) | np.isnan(scores.specific)).any():
        votes[LAMDA] = Lamda().combined(matrix, scores.sensible, scores.specific)
    return votes


def rule_votes(matrix: FeatureMatrix) -> dict[str, Doubles]:
    """Scores of every row by the rules that need no labels, float64 (n_rows,)."""
    measured = {
        name.partition(".")[0]
        for name, column in zip(matrix.columns, matrix.values.T, strict=True)
        if np.isfinite(column).any()
    }
    read = tuple(name for name in ANNOTATORS_READ if name in measured)
    rules: dict[str, Ranker] = {"lowest perplexity": Perplexity()}
    if len(read) > 1:
        rules |= {AVERAGE: Average(annotators=read), "rank fusion": ReciprocalRankFusion(annotators=read)}
    return {
        name: rule.score(matrix, ()).value.astype(np.float64)
        for name, rule in rules.items()
        if set(rule.needs) <= measured
    }


def places_of_dialogs(dialogs: Sequence[Dialog], encoder: TextEncoder, progress: str | None = None) -> Doubles:
    """Embeddings of the contexts, newest turns first in weight; float64 (dialogs, dimension), rows of length 1."""
    texts = [context_text(dialog.texts, most=TURNS) for dialog in dialogs]
    return embed_contexts(texts, encoder, FADE, progress).astype(np.float64)


def places_of_features(matrix: FeatureMatrix) -> Doubles:
    """Mean and spread of every standardised column by pool, where no encoder is at hand; float64 (pools, 2 columns).

    What could not be judged counts as the column's mean.
    """
    values = np.where(np.isfinite(matrix.values), matrix.values, np.nan).astype(np.float64)
    known = ~np.isnan(values)
    count = np.maximum(known.sum(0), 1)
    centred = np.where(known, values - np.where(known, values, 0).sum(0) / count, 0)
    spread = np.sqrt((centred**2).sum(0) / count)
    z = centred / np.where(spread > 0, spread, 1)
    parts = [z[rows] if rows.stop > rows.start else np.zeros((1, z.shape[1])) for rows in matrix.groups()]
    return np.array([[*part.mean(0), *part.std(0)] for part in parts]).reshape(len(parts), 2 * z.shape[1])
