"""Why an editor should look at a phrase: it is bland, strange, nearly another one, or never chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from blender.index.base import PhraseBase
from blender.index.scores import BaseScores
from blender.matrix import Floats
from blender.models.progress import steps
from blender.serving.base.runs import Use

Kind = Literal["bland", "strange", "near-duplicate", "never chosen"]
MOST = 50
NEAR = 0.9

# Columns by whose quantiles phrases are ordered, 1 where high values count and -1 where low ones do.
BLAND: Mapping[str, int] = {"genericness.contexts": 1, "perplexity.alone": -1, "rarity.mean": -1}
STRANGE: Mapping[str, int] = {"perplexity.alone": 1, "perplexity.conditional": 1}
_CHUNK = 1_024


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One reason to look at one phrase.

    Attributes:
        row: of the phrase.
        kind: of the reason.
        detail: what is behind it, for the editor.
    """

    row: int
    kind: Kind
    detail: str


def outstanding(scores: BaseScores, kind: Kind, by: Mapping[str, int], most: int) -> list[Reason]:
    """The phrases with the highest mean quantile of those columns that the base has, the first ones first.

    A phrase whose values are not known is not among them.
    """
    named = [column for column in by if column in scores.columns]
    if not named or most < 1:
        return []
    shares = np.stack([_towards(scores.quantiles(column), by[column]) for column in named])
    known = np.flatnonzero(~np.isnan(shares).all(axis=0))
    mean = np.nanmean(shares[:, known], axis=0)
    values = {column: scores.column(column) for column in named}
    return [
        Reason(row=int(row), kind=kind, detail=", ".join(f"{name} {values[name][row]:.3g}" for name in named))
        for row in known[np.argsort(-mean, kind="stable")[:most]]
    ]


def near_duplicates(base: PhraseBase, above: float, most: int, progress: str | None = None) -> list[Reason]:
    """Phrases whose nearest other phrase has a higher cosine than ``above``, the nearest first.

    Of a pair the one that occurred less often is listed, of two equal ones the later.
    """
    vectors, times = base.contents.reply_vectors, base.times
    found: list[tuple[float, int, int]] = []
    for start in steps(range(0, len(base), _CHUNK), progress):
        cosines, rows = base.reply_neighbours(np.asarray(vectors[start : start + _CHUNK], dtype=np.float32), 4)
        for row, near, others in zip(range(start, start + len(rows)), cosines, rows, strict=True):
            pairs = [(float(cosine), int(other)) for cosine, other in zip(near, others, strict=True) if cosine > above]
            better = [(c, other) for c, other in pairs if 0 <= other != row and _before(times, other, row)]
            found += [(*max(better), row)] if better else []
    texts = base.contents.phrases["text"]
    found.sort(key=lambda each: (-each[0], each[2]))
    return [
        Reason(row=row, kind="near-duplicate", detail=f"cosine {cosine:.3f} with {texts[other].as_py()!r}")
        for cosine, other, row in found[: max(0, most)]
    ]


def never_chosen(use: Use, most: int) -> list[Reason]:
    """Phrases that were proposed and never chosen, the most often proposed first."""
    rows = np.flatnonzero((use.proposed > 0) & (use.chosen == 0))
    order = rows[np.argsort(-use.proposed[rows], kind="stable")[: max(0, most)]]
    return [
        Reason(
            row=int(row), kind="never chosen", detail=f"proposed in {use.proposed[row]:,} of {use.dialogs:,} dialogs"
        )
        for row in order
    ]


def _before(times: np.ndarray[tuple[int], np.dtype[np.int64]], other: int, row: int) -> bool:
    return (-int(times[other]), other) < (-int(times[row]), row)


def _towards(shares: Floats, sign: int) -> Floats:
    return shares if sign > 0 else np.asarray(1 - shares, dtype=np.float32)
