"""Annotators as scorers of phrases: those of their columns that judge an answer by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from blender.catalogue import annotator_catalogue
from blender.errors import BadInput
from blender.index.scorer_role import PhraseRow, phrase_key
from blender.matrix import Floats
from blender.records import Candidate, Dialog, Pool
from blender.roles import Annotator, matrix_columns
from blender.written import pools_as_written

_PROBE = ("I went sailing in Norway with 2 old friends.", "Quokkas? Ok.")


@dataclass(frozen=True, kw_only=True)
class Annotated:
    """The columns of an annotator that judge an answer by itself.

    Which these are is tried: phrases are put to it in two dialogs, alone and in company, from two sources; a column
    that is not the same in both is left out.

    Attributes:
        annotator: its name in the catalogue.
        options: settings of the annotator.
    """

    annotator: str
    options: dict[str, Any] = field(default_factory=dict)

    contexts = 0

    @property
    def name(self) -> str:
        """The annotator's."""
        return self.annotator

    @property
    def columns(self) -> tuple[str, ...]:
        """Those that do not depend on the dialog.

        Raises:
            BadInput: all of them do.
        """
        every = tuple(matrix_columns({self.annotator: self._measures}))
        return tuple(every[at] for at in self._kept)

    @property
    def fingerprint(self) -> str:
        """The annotator's own."""
        return self._measures.fingerprint

    @property
    def made_with(self) -> str:
        """The annotator's settings, those of models first."""
        named = {name: getattr(self._measures, name, None) for name in ("model", "encoder", "reference")} | self.options
        return ", ".join(f"{name}: {value}" for name, value in named.items() if value is not None) or "no model"

    @property
    def settings(self) -> dict[str, Any]:
        """The annotator's, as given."""
        return dict(self.options)

    @property
    def stored(self) -> tuple[str, ...]:
        """As the annotator looks for them."""
        return tuple(f"{self.fingerprint}:{column}" for column in self.columns)

    def key(self, phrase: PhraseRow) -> bytes:
        """Digest of text and language."""
        return phrase_key(phrase.text, phrase.locale)

    def measure(self, phrases: Sequence[PhraseRow]) -> Floats:
        """Return float32 (phrases, columns)."""
        pools = [Pool.of(Dialog.of("Hello.", locale=phrase.locale), [phrase.text]) for phrase in phrases]
        return self._measures.annotate(pools_as_written(pools))[:, self._kept]

    @cached_property
    def _measures(self) -> Annotator:
        made: Annotator = annotator_catalogue().build(self.annotator, self.options)
        return made

    @cached_property
    def _kept(self) -> list[int]:
        bare = [Pool.of("Hello.", [text]) for text in _PROBE]
        other = [
            Candidate(text=text, source="other", kind="generator", rank=at, score=0.5, matched="Hi.", evidence=_PROBE)
            for at, text in enumerate(_PROBE, start=1)
        ]
        company = Pool(dialog=Dialog.of(_PROBE, facts=_PROBE), candidates=tuple(other))
        first, second = self._measures.annotate(bare), self._measures.annotate([company])
        same = np.isclose(first, second, atol=1e-3).all(axis=0)
        if not same.any():
            raise BadInput(
                f"annotator {self.annotator!r} judges an answer by the conversation it is given in, so it cannot score "
                "the phrases of a base once for all; score with others, such as toxicity, genericness, rarity, length"
            )
        return [int(at) for at in np.flatnonzero(same)]
