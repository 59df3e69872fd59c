"""New phrases joined to those of a base; only what is new is embedded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from blender.catalogue import annotator_catalogue
from blender.errors import BadInput
from blender.index.collapse import same_meaning, same_text
from blender.index.contents import (
    STORED,
    Contents,
    context_table,
    empty_phrases,
    join_phrases,
    phrase_table,
    with_stored,
)
from blender.index.context import TURN_BREAK, context_text, embed_contexts
from blender.index.corpus import Phrase
from blender.index.settings import BaseSettings, TextEncoder
from blender.matrix import Floats
from blender.models.progress import steps
from blender.pooling import duplicate_key, tidy
from blender.records import Pool
from blender.roles import Annotator, matrix_columns

_CHUNK = 1_024


@dataclass(frozen=True, slots=True, kw_only=True)
class Grower:
    """Joins phrases to the contents of a base.

    Args:
        settings: of the base.
        encoder: embeds what is new.
        annotators: measure the stored columns, by name.
        progress: whether progress bars are shown, on standard error.
    """

    settings: BaseSettings
    encoder: TextEncoder
    annotators: Mapping[str, Annotator]
    progress: bool = False

    def grow(self, old: Contents | None, phrases: Sequence[Phrase]) -> Contents:
        """Return ``old`` with ``phrases``; ``None`` starts from nothing.

        Raises:
            BadInput: no phrase is left, or a column is text here and a number there.
        """
        table, phrases, row_of = self._joined(old, phrases)
        known = len(old) if old else 0
        memory = _Memory(self.encoder)
        new = memory.encode(table["text"][known:].to_pylist(), progress=self._title("embedding phrases"))
        vectors = np.concatenate([np.asarray(old.reply_vectors, dtype=np.float32), new]) if old else new
        stands = self._stands(table, vectors, known)
        row_of = stands[row_of]
        times = np.bincount(row_of, minlength=len(table))
        times[:known] += old.times if old else 0
        contexts, context_vectors = self._contexts(old, phrases, row_of, memory)
        grown = Contents(
            phrases=table.set_column(1, "times", pa.array(times, pa.int32())),
            contexts=contexts,
            reply_vectors=vectors.astype(self.settings.precision),
            context_vectors=context_vectors.astype(self.settings.precision),
        )
        return grown.keep(stands == np.arange(len(stands)))

    def _joined(
        self, old: Contents | None, phrases: Sequence[Phrase]
    ) -> tuple[pa.Table, list[Phrase], NDArray[np.int64]]:
        """The old phrases and the new texts, the phrases that are not dropped, and the row of each."""
        table = old.phrases if old else empty_phrases()
        keys = {duplicate_key(text): row for row, text in enumerate(table["text"].to_pylist())}
        fresh, row_of = same_text(keys, (phrase.reply for phrase in phrases))
        new = self._table([phrases[at] for at in fresh], table)
        wanted = self._wanted(new)
        rows = np.concatenate([np.ones(len(table), dtype=bool), wanted])
        joined = join_phrases(table, new.filter(pa.array(wanted)))
        if not len(joined):
            raise BadInput("no phrase is left to build a base from; every one was dropped by drop_above")
        kept = [phrase for phrase, row in zip(phrases, row_of, strict=True) if rows[row]]
        return joined, kept, (np.cumsum(rows) - 1)[row_of[rows[row_of]]]

    def _table(self, phrases: Sequence[Phrase], base: pa.Table) -> pa.Table:
        texts = [tidy(phrase.reply) for phrase in phrases]
        table = phrase_table(texts, [phrase.columns for phrase in phrases], base)
        return with_stored(table, self._measured(texts))

    def _measured(self, texts: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """The stored columns; they are asked of a bare dialog, so they must not depend on the context."""
        found: dict[str, NDArray[np.float32]] = {}
        for name in self.settings.stored:
            part, _, _ = name.partition(".")
            annotator = self.annotators[part]
            at = list(matrix_columns({part: annotator})).index(name)
            chunks = [texts[start : start + _CHUNK] for start in range(0, len(texts), _CHUNK)]
            title = self._title(f"measuring {name}")
            values = [annotator.annotate([Pool.of("Hello.", chunk)])[:, at] for chunk in steps(chunks, title)]
            found[stored_key(annotator, name)] = np.concatenate([np.zeros(0, np.float32), *values])
        return found

    def _wanted(self, new: pa.Table) -> NDArray[np.bool_]:
        wanted = np.ones(len(new), dtype=bool)
        for name, most in self.settings.drop_above.items():
            key = stored_key(self.annotators[name.partition(".")[0]], name)
            wanted &= ~(new[STORED + key].to_numpy() > most)
        return wanted

    def _stands(self, table: pa.Table, vectors: Floats, known: int) -> NDArray[np.int64]:
        texts = table["text"].to_pylist()
        return same_meaning(vectors, texts, known, self.settings.collapse_above, self._title("collapsing"))

    def _contexts(
        self, old: Contents | None, phrases: Sequence[Phrase], row_of: NDArray[np.int64], memory: TextEncoder
    ) -> tuple[pa.Table, Floats]:
        """The old contexts and the new ones, every (context, phrase) once, and their embeddings."""
        table = old.contexts if old else context_table([], [])
        texts = table["text"].to_pylist()
        there = dict.fromkeys(zip(texts, table["phrase"].to_pylist(), strict=True))
        cut = [context_text(phrase.context.split(TURN_BREAK), self.settings.turns) for phrase in phrases]
        pairs = dict.fromkeys(pair for pair in zip(cut, row_of.tolist(), strict=True) if pair[0] and pair not in there)
        known = {text: row for row, text in enumerate(texts)}
        new = [text for text in dict.fromkeys(text for text, _ in pairs) if text not in known]
        fresh = embed_contexts(new, memory, self.settings.fade, self._title("embedding contexts"))
        known |= {text: len(texts) + at for at, text in enumerate(new)}
        vectors = np.concatenate([np.asarray(old.context_vectors, np.float32), fresh]) if old else fresh
        order = [*range(len(texts)), *(known[text] for text, _ in pairs)]
        added = context_table([text for text, _ in pairs], [row for _, row in pairs])
        return pa.concat_tables([table, added]).combine_chunks(), vectors[order]

    def _title(self, title: str) -> str | None:
        return title if self.progress else None


class _Memory:
    """An encoder that forgets nothing while a base grows: what is a reply here is a turn of a context there."""

    def __init__(self, encoder: TextEncoder) -> None:
        self._encoder = encoder
        self._known: dict[tuple[str, str], Floats] = {}
        self.fingerprint = encoder.fingerprint
        self.symmetric = encoder.symmetric

    def encode(
        self, texts: Sequence[str], *, role: Literal["query", "passage"] = "passage", progress: str | None = None
    ) -> Floats:
        """Return float32 (number of texts, dimension)."""
        new = [text for text in dict.fromkeys(texts) if (role, text) not in self._known]
        vectors = self._encoder.encode(new, role=role, progress=progress)
        self._known |= {(role, text): row for text, row in zip(new, vectors, strict=True)}
        found = np.empty((len(texts), vectors.shape[1]), dtype=np.float32)
        for row, text in enumerate(texts):
            found[row] = self._known[role, text]
        return found


def stored_key(annotator: Annotator, name: str) -> str:
    """The key under which a candidate carries ``annotator.column``."""
    return f"{annotator.fingerprint}:{name}"


def stored_annotators(settings: BaseSettings) -> dict[str, Annotator]:
    """Make the annotators of the stored columns, found by name since the core stands below them.

    Raises:
        UnknownName: there is no such annotator.
        BadInput: it has no such column.
    """
    catalogue = annotator_catalogue()
    made: dict[str, Annotator] = {}
    for name in settings.stored:
        part, _, column = name.partition(".")
        made[part] = made.get(part) or catalogue.build(part, settings.annotators.get(part, {}))
        columns = matrix_columns({part: made[part]})
        if name not in columns:
            raise BadInput(f"annotator {part!r} has no column {column!r}; it has {', '.join(columns)}")
    return made
