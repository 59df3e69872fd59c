"""Where an answer came from and what its source thought of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from blender.catalogue import fingerprint
from blender.matrix import Floats
from blender.records import Candidate, Pool
from blender.roles import Column
from blender.words import grams, likeness

_UNKNOWN_KIND = "the kind of source is unknown"


@dataclass(frozen=True, kw_only=True)
class OriginOf:
    """Rank and score at the source, how many sources agree, and what a retrieved phrase once answered."""

    columns: ClassVar[tuple[Column, ...]] = (
        Column(
            name="rank",
            unit="place",
            direction="lower is better",
            meaning="best place any of its sources gave it; 0 is a source's favourite",
            missing="never",
            says="lower on its source's list",
            says_low="higher on its source's list",
        ),
        Column(
            name="score",
            unit="the source's own",
            direction="neither",
            meaning="its first source's own score; not comparable between sources",
            missing="the source gave none",
            says="scored higher by its source",
            says_low="scored lower by its source",
            optional=True,
            per_source=True,
        ),
        Column(
            name="sources",
            unit="sources",
            direction="higher is better",
            meaning="how many different sources proposed it",
            missing="never",
            says="proposed by more sources",
            says_low="proposed by fewer sources",
        ),
        Column(
            name="generated",
            unit="0 or 1",
            direction="neither",
            meaning="1 if a generator wrote it",
            missing=_UNKNOWN_KIND,
            says="generated",
            says_low="not generated",
            optional=True,
        ),
        Column(
            name="retrieved",
            unit="0 or 1",
            direction="neither",
            meaning="1 if it comes from a phrase base",
            missing=_UNKNOWN_KIND,
            says="a phrase from the base",
            says_low="not a phrase from the base",
            optional=True,
        ),
        Column(
            name="matched",
            unit="share, 0 to 1",
            direction="higher is better",
            meaning="words and word pairs shared by the last turn and the context the phrase once answered (Dice)",
            missing="not retrieved, or the phrase's context is unknown",
            says="once answered a turn worded more like this one",
            says_low="once answered a turn worded less like this one",
            optional=True,
        ),
    )

    @property
    def fingerprint(self) -> str:
        """Of the method; there are no settings."""
        return fingerprint(self)

    def annotate(self, pools: Sequence[Pool]) -> Floats:
        """Return float32 (rows, 6)."""
        rows: list[tuple[float, ...]] = []
        for pool in pools:
            last = grams(pool.dialog.last)
            rows += [self._measure(candidate, last) for candidate in pool.candidates]
        return np.array(rows, dtype=np.float32).reshape(-1, len(self.columns))

    @staticmethod
    def _measure(candidate: Candidate, last: Counter[str]) -> tuple[float, ...]:
        known = candidate.kind != "unknown"
        return (
            min(origin.rank for origin in candidate.origins),
            np.nan if candidate.score is None else candidate.score,
            len({origin.source for origin in candidate.origins}),
            float(candidate.kind == "generator") if known else np.nan,
            float(candidate.kind == "retrieval") if known else np.nan,
            np.nan if candidate.matched is None else likeness(grams(candidate.matched), last),
        )
