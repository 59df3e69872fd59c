"""Phrases of a base that once answered something like this."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blender.errors import BadInput
from blender.index.base import On, PhraseBase
from blender.index.heads import Heads
from blender.index.hits import Hit
from blender.index.opening import open_base
from blender.index.rules import AppliedRules, Rules
from blender.index.scores import BaseScores
from blender.models.cache import text_digest
from blender.own_columns import column_name
from blender.pooling import duplicate_key
from blender.records import Candidate, Dialog


@dataclass(frozen=True, kw_only=True)
class Retrieval:
    """Proposes phrases found in a phrase base.

    Attributes:
        base: folder of a base, or the name of one of `blender.index.opening.PACKAGED`.
        on: what is compared with the dialog: the ``context`` a phrase once answered, the ``reply`` itself, or
            ``both`` in turn. In a base of bare replies, which answered nothing, it is always ``reply``.
        min_score: phrases with a lower cosine are not proposed.
        where: values that a phrase's columns must have, such as ``{"tag": "smalltalk"}``.
        match_locale: whether a phrase whose column ``locale`` is another language than the dialog's is left out.
        heads: folder of heads that ``blend tune`` made; phrases themselves are then found by them.
        rules: ``drop``, ``keep`` and ``boost`` by the scores of the base (see ``blender.index.rules``).
    """

    base: str = "demo"
    on: On = "context"
    min_score: float = 0.0
    where: dict[str, str | float] = field(default_factory=dict)
    match_locale: bool = True
    heads: str | None = None
    rules: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self._rules.boost and self.on == "both":
            raise BadInput(
                "boost is added to cosines, and those of on = 'both' cannot be compared; set on to one of them"
            )
        if self.heads is not None and self.on == "context":
            raise BadInput("heads find phrases by themselves, not by the contexts they answered: set on = 'reply'")
        if not -1 <= self.min_score <= 1:
            raise BadInput(f"min_score is a cosine and must lie between -1 and 1, is {self.min_score}")

    @cached_property
    def _base(self) -> PhraseBase:
        base = open_base(self.base)
        return base.steered(Heads.load(self.heads)) if self.heads is not None else base

    @cached_property
    def _on(self) -> On:
        """As set, but ``reply`` where no phrase has a context to be found by."""
        return self.on if len(self._base.contents.contexts) else "reply"

    @cached_property
    def _rules(self) -> Rules:
        return Rules.of(self.rules)

    @cached_property
    def _applied(self) -> AppliedRules | None:
        return AppliedRules.to(self._base, self._rules) if self._rules else None

    @cached_property
    def _scores(self) -> BaseScores | None:
        return self._applied.scores if self._applied else BaseScores.find(self._base)

    @property
    def fingerprint(self) -> str:
        """Of the base, the heads that find its phrases and the scores that rules read."""
        heads = self._base.heads.fingerprint if self._base.heads else ""
        return text_digest(self._base.fingerprint, heads, self._applied.scores.fingerprint if self._applied else "")

    @cached_property
    def _where(self) -> NDArray[np.bool_]:
        found = self._base.where(**self.where)
        return found & self._applied.allowed if self._applied else found

    def warm(self) -> None:
        """Load the base, its indexes, its encoder and its scores; a packaged one is built at the first call.

        Raises:
            BadInput: ``where`` names a column that the base has not; and what `propose` raises.
        """
        _ = self._scores, self._where
        self._base.search([Dialog.of("Hello.")], 1, self._on)

    def propose(self, dialogs: Sequence[Dialog], k: int) -> list[list[Candidate]]:
        """Find up to ``k`` phrases for each dialog, nearest first; none that repeats a turn of the user.

        A candidate's ``score`` is the cosine (``boost`` changes ranks alone), ``matched`` the context it once
        answered, ``features`` the numeric columns of the base (with ``_`` for what no name of a feature can hold),
        ``stored`` what was measured of the phrase beforehand.

        Raises:
            BadBase: the base is not there, broken, or made with another encoder; or it has rules, and no scores of
                its present state, or ones by another model.
            BadInput: the rules leave no phrase.
            UnknownName: a rule names a column that the scores do not have.
            BadModel: the heads are not there, broken, or of another encoder.
        """
        said = [{duplicate_key(text) for text in dialog.said_by("human")} for dialog in dialogs]
        among = self._rules.among if self._rules.boost else 0
        wide = max(k, among) + max(map(len, said), default=0)
        found: dict[int, list[Hit]] = {}
        for language in sorted({dialog.language for dialog in dialogs}):
            at = [each for each, dialog in enumerate(dialogs) if dialog.language == language]
            hits = self._base.search([dialogs[each] for each in at], wide, self._on, allowed=self._allowed(language))
            found |= dict(zip(at, hits, strict=True))
        return [self._candidates(found[at], said[at], k)[:k] for at in range(len(dialogs))]

    def _allowed(self, language: str) -> NDArray[np.bool_] | None:
        spoken = self._base.of_language(language) if self.match_locale else None
        if spoken is None:
            return self._where if self.where or self._applied else None
        return self._where & spoken

    def _candidates(self, hits: Sequence[Hit], said: set[str], k: int) -> list[Candidate]:
        kept = [hit for hit in hits if hit.score >= self.min_score and duplicate_key(hit.text) not in said]
        boost = self._applied.boost if self._applied else None
        if boost is not None:
            kept = kept[: max(k, self._rules.among)]  # found were as many as the longest dialog of the batch needs
            kept.sort(key=lambda hit: hit.score + float(boost[hit.row]), reverse=True)
        return [
            Candidate(
                text=hit.text,
                source="retrieval",
                kind="retrieval",
                rank=rank,
                score=hit.score,
                features={column_name(name): n for name, n in hit.columns.items() if not isinstance(n, str)},
                stored={**hit.stored, **(self._scores.stored(hit.row) if self._scores else {})},
                embedded=hit.embedded,
                matched=hit.matched,
            )
            for rank, hit in enumerate(kept)
        ]
