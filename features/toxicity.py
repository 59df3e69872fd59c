"""How likely people would call an answer toxic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from blender.catalogue import fingerprint
from blender.matrix import Floats
from blender.models.linear_text import ToxicityModel, load_toxicity
from blender.records import Pool
from blender.roles import NO_TEXT, Column


@dataclass(frozen=True, kw_only=True)
class Toxicity:
    """Probability that the answer, read alone, is toxic, and how it changes the tone of the conversation.

    A score stored with a phrase by the same model (``Candidate.stored``) is taken instead of being computed again.

    Attributes:
        model: reference of a toxicity model; the packaged ones are ``pkg:toxicityclassifier/English`` and
            ``.../Russian``; any transformers text classifier will do.
        label: of a classifier, the number or name of the label that means toxic; by default the one so named.
    """

    model: str = "pkg:toxicityclassifier/English"
    label: int | str | None = None

    columns: ClassVar[tuple[Column, ...]] = (
        Column(
            name="toxic",
            unit="probability",
            direction="lower is better",
            meaning="probability that it is toxic",
            missing=NO_TEXT,
            says="more likely toxic",
            says_low="less likely toxic",
        ),
        Column(
            name="change",
            unit="difference of probabilities",
            direction="lower is better",
            meaning="its probability of being toxic minus that of the last human turn",
            missing=NO_TEXT,
            says="heats the conversation up",
            says_low="cools the conversation down",
        ),
    )

    @cached_property
    def _model(self) -> ToxicityModel:
        return load_toxicity(self.model, self.label)

    @cached_property
    def fingerprint(self) -> str:
        """Of the settings and the model."""
        return fingerprint(self, self._model.fingerprint)

    def annotate(self, pools: Sequence[Pool]) -> Floats:
        """Return float32 (rows, 2)."""
        key = f"{self.fingerprint}:toxicity.toxic"
        rows = [(candidate, pool.dialog.last) for pool in pools for candidate in pool.candidates]
        asked = [last for _, last in rows] + [who.text for who, _ in rows if key not in who.stored]
        texts = [text for text in dict.fromkeys(asked) if text.strip()]
        toxic = dict(zip(texts, self._model.score(texts).tolist(), strict=True)) if texts else {}
        values = np.full((len(rows), 2), np.nan, dtype=np.float32)
        for at, (who, last) in enumerate(rows):
            own = who.stored[key] if key in who.stored else toxic.get(who.text, np.nan)
            values[at] = own, own - toxic[last]
        return values
