"""Phrases of a base that once answered something like this."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from blender.errors import BadInput
from blender.index.base import On, PhraseBase, open_base
from blender.index.heads import Heads
from blender.index.hits import Hit
from blender.pooling import duplicate_key
from blender.records import Candidate, Dialog


@dataclass(frozen=True, kw_only=True)
class Retrieval:
    """Proposes phrases found in a phrase base.

    Attributes:
        base: folder of a base, or ``demo``.
        on: what is compared with the dialog: the ``context`` a phrase once answered, the ``reply`` itself, or
            ``both`` in turn.
        min_score: phrases with a lower cosine are not proposed.
        where: values that a phrase's columns must have, such as ``{"tag": "smalltalk"}``.
        match_locale: whether a phrase whose column ``locale`` is another language than the dialog's is left out.
        heads: folder of heads that ``blend tune`` made; phrases themselves are then found by them.
    """

    base: str = "demo"
    on: On = "context"
    min_score: float = 0.0
    where: dict[str, str | float] = field(default_factory=dict)
    match_locale: bool = True
    heads: str | None = None

    def __post_init__(self) -> None:
        if self.heads is not None and self.on == "context":
            raise BadInput("heads find phrases by themselves, not by the contexts they answered: set on = 'reply'")
        if not -1 <= self.min_score <= 1:
            raise BadInput(f"min_score is a cosine and must lie between -1 and 1, is {self.min_score}")

    @cached_property
    def _base(self) -> PhraseBase:
        base = open_base(self.base)
        return base.steered(Heads.load(self.heads)) if self.heads is not None else base

    @cached_property
    def _where(self) -> NDArray[np.bool_]:
        return self._base.where(**self.where)

    def warm(self) -> None:
        """Load the base, its indexes and its encoder; the demo base is built at the first call."""
        self._base.search([Dialog.of("Hello.")], 1, self.on)

    def propose(self, dialogs: Sequence[Dialog], k: int) -> list[list[Candidate]]:
        """Find up to ``k`` phrases for each dialog, nearest first; none that repeats a turn of the user.

        A candidate's ``score`` is the cosine, ``matched`` the context it once answered, ``features`` the numeric
        columns of the base.

        Raises:
            BadBase: the base is not there, broken, or made with another encoder.
            BadModel: the heads are not there, broken, or of another encoder.
        """
        said = [{duplicate_key(text) for text in dialog.said_by("human")} for dialog in dialogs]
        wide = k + max(map(len, said), default=0)
        locales = sorted({dialog.locale for dialog in dialogs})
        found: dict[int, list[Hit]] = {}
        for locale in locales:
            at = [each for each, dialog in enumerate(dialogs) if dialog.locale == locale]
            hits = self._base.search([dialogs[each] for each in at], wide, self.on, allowed=self._allowed(locale))
            found |= dict(zip(at, hits, strict=True))
        return [self._candidates(found[at], said[at])[:k] for at in range(len(dialogs))]

    def _allowed(self, locale: str) -> NDArray[np.bool_] | None:
        locales = self._base.locales if self.match_locale else None
        if locales is None:
            return self._where if self.where else None
        language = locale.partition("-")[0]
        return self._where & np.isin(locales, ["", language])

    def _candidates(self, hits: Sequence[Hit], said: set[str]) -> list[Candidate]:
        kept = [hit for hit in hits if hit.score >= self.min_score and duplicate_key(hit.text) not in said]
        return [
            Candidate(
                text=hit.text,
                source="retrieval",
                kind="retrieval",
                rank=rank,
                score=hit.score,
                features={name: value for name, value in hit.columns.items() if not isinstance(value, str)},
                stored=hit.stored,
                matched=hit.matched,
            )
            for rank, hit in enumerate(kept)
        ]
