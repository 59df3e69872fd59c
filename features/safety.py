"""How likely people would call an answer toxic, given what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from blender.catalogue import fingerprint
from blender.matrix import Floats
from blender.models.safety import SafetyHead, load_safety
from blender.records import Pool
from blender.roles import NO_TEXT, Column


@dataclass(frozen=True, kw_only=True)
class Safety:
    """Probability that the answer is toxic as an answer to the last turn: by its words, or by agreeing with an offence.

    Reads the vectors that relevance computes. ``docs/safety.md`` says how well it does, and how badly.

    Attributes:
        head: ``english``, ``russian``, or the folder of a safety head.
    """

    head: str = "english"

    columns: ClassVar[tuple[Column, ...]] = (
        Column(
            name="toxic",
            unit="probability",
            direction="lower is better",
            meaning="probability that it is toxic as an answer to the last turn",
            missing=NO_TEXT,
            says="more likely toxic as an answer to this",
            says_low="less likely toxic as an answer to this",
        ),
    )

    @cached_property
    def _head(self) -> SafetyHead:
        return load_safety(self.head)

    @cached_property
    def fingerprint(self) -> str:
        """Of the settings, the head and its models."""
        return fingerprint(self, self._head.fingerprint)

    def annotate(self, pools: Sequence[Pool]) -> Floats:
        """Return float32 (rows, 1)."""
        candidates = [candidate for pool in pools for candidate in pool.candidates]
        if not candidates:
            return np.empty((0, 1), dtype=np.float32)
        asked = [pool.dialog.last for pool in pools for _ in pool.texts]
        vectors = self._head.encoder.answers(candidates)
        return self._head.score(asked, [candidate.text for candidate in candidates], vectors)[:, None]
