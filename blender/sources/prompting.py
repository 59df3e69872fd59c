"""Finds pairs of context and good answer that are shown to a language model before a dialog (UPRISE, 2303.08518)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from blender.errors import BadInput
from blender.index.base import PhraseBase
from blender.index.contents import STORED
from blender.index.context import TURN_BREAK, context_text, embed_contexts
from blender.index.heads import Heads
from blender.index.hits import nearest_phrases
from blender.index.rules import AppliedRules, Condition, Rules
from blender.index.scores import BaseScores
from blender.index.steered import steered_index
from blender.index.vectors import VectorIndex
from blender.models.cache import text_digest
from blender.models.demonstrations import Example, Place, Shown
from blender.pooling import duplicate_key
from blender.records import Dialog

NO_EXAMPLES = ("toxicity.toxic > 0.5", "genericness.contexts > q90")
"""Phrases that are not shown as good answers where their base has these scores, unless rules say otherwise."""
_MOST_TOXIC, _TOXIC = 0.5, ":toxicity.toxic"


@dataclass(frozen=True, kw_only=True)
class PairRetriever:
    """Finds the pairs of a phrase base whose contexts are nearest to a dialog. Thread-safe once made.

    Attributes:
        base: of phrases with the contexts they answered.
        heads: tuned on such pairs; the context head reads the dialog, the reply head the context of a pair. Without
            them it is the base's own search.
        k: pairs for a dialog.
        place: where a chat prompt shows them.
        turns: of a pair's context are shown, the newest.
        rules: which phrases are good answers by the scores of the base (``drop`` and ``keep``); by default all that
            do not meet `NO_EXAMPLES`, where these were measured.
    """

    base: PhraseBase
    heads: Heads | None = None
    k: int = 3
    place: Place = "turns"
    turns: int = 1
    rules: Rules = field(default_factory=Rules)

    def __post_init__(self) -> None:
        if self.k < 1 or self.turns < 1:
            raise BadInput(f"retrieved prompts need k and turns of 1 or more, got {self.k} and {self.turns}")
        if self.heads is not None:
            self.heads.check_encoder(self.base.manifest.encoder_fingerprint)
        if not len(self.base.contents.contexts):
            raise BadInput(
                f"the base {self.base.folder} knows no context that a phrase answered, so it holds no pair to show; "
                "give a base of conversations, or of rows with 'context' and 'reply'"
            )

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hex digits; another if a dialog might be given other examples."""
        heads = self.heads.fingerprint if self.heads else ""
        good = hashlib.sha256(np.packbits(self.good).tobytes()).hexdigest()
        return text_digest(self.base.fingerprint, heads, str(self.k), self.place, str(self.turns), good)

    def warm(self) -> None:
        """Load encoder and index."""
        self.find([Dialog.of("Hello.")])

    def shown(self, dialogs: Sequence[Dialog]) -> list[Shown]:
        """What each dialog is preceded by; fewer than ``k`` pairs, or none, where no more are good."""
        return [self.show(rows) for rows in self.find(dialogs)]

    def show(self, rows: Sequence[int]) -> Shown:
        """The pairs of some rows of ``base.contents.contexts``, the best first."""
        return Shown(examples=tuple(self.example(row) for row in rows), place=self.place)

    def example(self, row: int) -> Example:
        """One pair, by the row of its context."""
        context = self.base.contents.contexts["text"][row].as_py()
        answer = self.base.contents.phrases["text"][int(self._phrases[row])].as_py()
        return Example(context=TURN_BREAK.join(context.split(TURN_BREAK)[-self.turns :]), answer=answer)

    def find(self, dialogs: Sequence[Dialog]) -> list[list[int]]:
        """Rows of ``base.contents.contexts``, up to ``k`` for each dialog, nearest first.

        No answer comes twice, none repeats a turn of the dialog, and none is of another language or toxic, where the
        base knows that of its phrases.
        """
        if not dialogs:
            return []
        vectors = self.queries(dialogs)
        return [self._rows(dialog, query) for dialog, query in zip(dialogs, vectors, strict=True)]

    def queries(self, dialogs: Sequence[Dialog]) -> NDArray[np.float32]:
        """The dialogs as they are searched with, float32 (dialogs, dimension)."""
        settings = self.base.manifest.settings
        texts = [context_text(dialog.texts, settings.turns) for dialog in dialogs]
        vectors = embed_contexts(texts, self.base.encoder, settings.fade)
        return self.heads.queries(vectors) if self.heads else vectors

    def _rows(self, dialog: Dialog, query: NDArray[np.float32]) -> list[int]:
        said = {duplicate_key(text) for text in dialog.texts}
        wide = self.k + len(said)
        near = nearest_phrases(self._index, query, wide, self._phrases, self._allowed(dialog.language))
        texts = self.base.contents.phrases["text"]
        return [row for phrase, row, _ in near if duplicate_key(texts[phrase].as_py()) not in said][: self.k]

    @cached_property
    def _phrases(self) -> NDArray[np.int32]:
        return self.base.contents.phrase_of_context

    @cached_property
    def _index(self) -> VectorIndex:
        if self.heads is None:
            return self.base.contexts_index
        return steered_index(f"{self.base.fingerprint} contexts", self.base.contents.context_vectors, self.heads)

    @cached_property
    def good(self) -> NDArray[np.bool_]:
        """Which phrases may be shown as good answers, bool (phrases,)."""
        if self.rules:
            return AppliedRules.to(self.base, self.rules).allowed
        found = np.ones(len(self.base), dtype=bool)
        phrases = self.base.contents.phrases
        for name in phrases.column_names:
            if name.startswith(STORED) and name.endswith(_TOXIC):
                values = np.array(phrases[name].to_pylist(), dtype=np.float64)  # pyarrow would ask pandas about nulls
                found &= ~(values > _MOST_TOXIC)  # what was not measured stays
        scores = BaseScores.find(self.base)
        for condition in map(Condition.read, NO_EXAMPLES):
            if scores and condition.column in scores.columns:
                found &= ~condition.met(scores)
        return found

    def _allowed(self, language: str) -> NDArray[np.bool_]:
        spoken = self.base.of_language(language)
        return self.good if spoken is None else self.good & spoken
