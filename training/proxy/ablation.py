"""What each part of a head brings, and how much more phrases to learn from would."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property

import torch

from blender.matrix import Floats
from blender.models.cache import text_digest
from blender.models.proxy_counts import GramCounts
from blender.models.proxy_pieces import cut
from blender.training.kept import kept_json
from blender.training.proxy.examples import Scored
from blender.training.proxy.fit_head import HeadSettings
from blender.training.proxy.heads import Reads, alone_inputs, fit_alone
from blender.training.proxy.material import Material
from blender.training.proxy.measure import Fit, fit_of

VARIANTS: Mapping[str, tuple[Reads, float | None]] = {
    "facts of words": (Reads(topic=False, counts=False, lexical=False), None),
    "+ counts of the base": (Reads(topic=False, lexical=False), None),
    "+ weights of words and pairs": (Reads(topic=False), None),
    "+ sentence embedding: the head": (Reads(), None),
    "the head without counts": (Reads(counts=False), None),
    "the head without weights of words": (Reads(lexical=False), None),
    "the head taught by phrases alone": (Reads(), 0.0),
}
"""What is read, and what the loss of words counts (``None``: as usual)."""
VARIANT_ROWS = 10_000
"""Phrases that variants and other seeds learn from: what each part brings shows as well there, in half the time."""
CURVE = (1_000, 2_500, 5_000, 10_000, 20_000)
"""Phrases to learn from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A head on the held-out phrases and on each other corpus.

    Attributes:
        rows: phrases it learnt from.
        seed: of its training.
        seconds: of its training.
        fits: by corpus.
    """

    rows: int
    seed: int
    seconds: float
    fits: Mapping[str, Fit]


@dataclass(frozen=True, eq=False)
class Trials:
    """Trains heads and judges them; a result that is in ``material.kept`` is taken from there.

    Attributes:
        material: phrases with their losses.
        language: whose word frequencies are read.
    """

    material: Material
    language: str

    @cached_property
    def _counts(self) -> GramCounts:
        return GramCounts.of([one.text for one in self.material.parts.counted], self.language)

    def __call__(self, reads: Reads, settings: HeadSettings, rows: int) -> Tried:
        """Train on the first ``rows`` phrases and judge."""
        material = self.material
        made_of = (
            material.parts.digest,
            *map(str, material.others),
            material.model.fingerprint,
            material.encoder.fingerprint,
        )
        key = text_digest("trial 1", *made_of, self.language, repr(reads), repr(asdict(settings)), str(rows))
        return kept_json(material.kept / f"trial-{key}.json", Tried, lambda: self._try(reads, settings, rows))

    def _try(self, reads: Reads, settings: HeadSettings, rows: int) -> Tried:
        material, counts = self.material, self._counts
        train = material.train.first(rows)
        vectors = material.vectors(train.texts)
        began = time.perf_counter()
        tokenizer = material.model.form.tokenizer
        network = fit_alone(train, vectors, counts, tokenizer, self.language, settings, reads)
        seconds = time.perf_counter() - began

        def guess(part: Scored) -> Floats:
            inputs = alone_inputs(cut(part.texts, self.language), material.vectors(part.texts), counts, reads)
            with torch.inference_mode():
                found: Floats = network(inputs).mean.numpy()
            return found

        fits = {
            name: fit_of(guess(part), part.mean)
            for name, part in {"held-out": material.test, **material.others}.items()
        }
        return Tried(rows=len(train), seed=settings.seed, seconds=round(seconds, 1), fits=fits)


def ablate(trials: Trials, settings: HeadSettings, rows: int) -> dict[str, Tried]:
    """Every variant."""
    return {
        name: trials(reads, settings if weight is None else replace(settings, pieces=weight), rows)
        for name, (reads, weight) in VARIANTS.items()
    }


def learning_curve(trials: Trials, settings: HeadSettings, most: int) -> dict[str, Tried]:
    """The whole head by phrases to learn from."""
    return {str(rows): trials(Reads(), settings, rows) for rows in CURVE if rows <= most}
