"""A phrase base opened for searching."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from blender.errors import BadBase, BadInput
from blender.index.contents import COLUMN, STORED, Contents
from blender.index.context import context_text, embed_contexts
from blender.index.heads import Heads
from blender.index.hits import Hit, in_turn, nearest_phrases
from blender.index.settings import TextEncoder
from blender.index.steered import steered_index
from blender.index.store import Manifest, read_base
from blender.index.vectors import VectorIndex, read_index, tuned
from blender.matrix import Floats
from blender.models.cache import text_digest
from blender.records import Dialog, Embedded
from blender.texts import language_tag

On = Literal["context", "reply", "both"]


def check_encoder(folder: Path, manifest: Manifest, encoder: TextEncoder) -> None:
    """Refuse an encoder other than the one the embeddings are of.

    Raises:
        BadBase: it is another; the message names both.
    """
    if encoder.fingerprint != manifest.encoder_fingerprint:
        raise BadBase(
            f"the base {folder} was built with the encoder {manifest.settings.encoder!r} "
            f"(fingerprint {manifest.encoder_fingerprint}), the one at hand has fingerprint {encoder.fingerprint}; "
            "use the encoder it was built with, or build it anew with `blend index build`"
        )


class PhraseBase:
    """Phrases that can be found by the contexts they answered, or by themselves. Thread-safe.

    Open one with ``PhraseBase.open``; `blender.index.build` makes them.
    """

    def __init__(self, folder: Path, manifest: Manifest, contents: Contents, encoder: TextEncoder | None) -> None:
        self.folder = folder
        self.manifest = manifest
        self.contents = contents
        self.heads: Heads | None = None
        self._given = encoder

    @classmethod
    def open(cls, folder: str | Path, *, encoder: TextEncoder | None = None) -> PhraseBase:
        """Open a base; its files are mapped, not read.

        Args:
            encoder: used instead of loading the one the base names.

        Raises:
            BadBase: there is no base, it is broken, or ``encoder`` is not the one it was built with.
        """
        place = Path(folder).expanduser().absolute()
        manifest, contents = read_base(place)
        if encoder is not None:
            check_encoder(place, manifest, encoder)
        return cls(place, manifest, contents, encoder)

    def steered(self, heads: Heads) -> PhraseBase:
        """The same base, whose phrases are found by ``heads``; contexts are found as before.

        Raises:
            BadModel: the heads are of another encoder; the message names both.
        """
        heads.check_encoder(self.manifest.encoder_fingerprint)
        base = PhraseBase(self.folder, self.manifest, self.contents, self._given)
        base.heads = heads
        return base

    def __len__(self) -> int:
        return len(self.contents)

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hex digits; another if any phrase, embedding or index is."""
        files = sorted((role, note.sha256) for role, note in self.manifest.files.items())
        return text_digest(self.manifest.encoder_fingerprint, *(part for pair in files for part in pair))

    @cached_property
    def encoder(self) -> TextEncoder:
        """The encoder the base was built with.

        Raises:
            BadBase: the reference now leads to another.
            BadModel: it leads nowhere.
        """
        from blender.models.encoder import load_encoder

        encoder = self._given or load_encoder(self.manifest.settings.encoder)
        check_encoder(self.folder, self.manifest, encoder)
        return encoder

    @property
    def times(self) -> NDArray[np.int64]:
        """How many near-identical phrases each stands for, int64 (phrases,)."""
        return self.contents.times

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that travel with the phrases."""
        return self.contents.columns

    @cached_property
    def locales(self) -> NDArray[np.str_] | None:
        """The language of each phrase (``en`` of ``en-GB``), empty where it is not known; ``None`` if none is."""
        if "locale" not in self.columns:
            return None
        column = self.contents.phrases[COLUMN + "locale"].cast("string").fill_null("").combine_chunks()
        coded = column.dictionary_encode()  # a few tags, however many phrases
        known = np.array([language_tag(tag).partition("-")[0] for tag in coded.dictionary.to_pylist()], dtype=str)
        return known[coded.indices.to_numpy()] if len(known) else np.zeros(0, dtype=str)

    def of_language(self, language: str) -> NDArray[np.bool_] | None:
        """Which phrases are of a language, or may be, bool (phrases,); ``None`` if that is not known of any."""
        return None if self.locales is None else np.isin(self.locales, ["", language])

    @cached_property
    def contexts_index(self) -> VectorIndex:
        """Finds contexts, by row of ``contents.contexts``."""
        return self._index("contexts", self.contents.context_vectors)

    @cached_property
    def replies_index(self) -> VectorIndex:
        """Finds phrases, by row of ``contents.phrases``."""
        return self._index("replies", self.contents.reply_vectors)

    @cached_property
    def _steered_index(self) -> VectorIndex | None:
        return steered_index(self.fingerprint, self.contents.reply_vectors, self.heads) if self.heads else None

    def reply_neighbours(self, vectors: Floats, k: int) -> tuple[Floats, NDArray[np.int64]]:
        """The phrases nearest to (n, dimension) vectors of the same encoder.

        Returns:
            Cosines float32 (n, k) and rows int64 (n, k), nearest first; NaN and -1 where there are fewer.
        """
        return self.replies_index.search(vectors, k)

    def search(
        self,
        dialogs: Sequence[Dialog],
        k: int,
        on: On = "context",
        *,
        allowed: NDArray[np.bool_] | None = None,
    ) -> list[list[Hit]]:
        """Find up to ``k`` phrases for each dialog, best first.

        Args:
            on: ``context`` compares the dialog with the contexts phrases once answered, ``reply`` with the phrases
                themselves, ``both`` takes from the two in turn (their cosines are not comparable).
            allowed: bool (phrases,); the others are not found. All are if not given.

        Raises:
            BadInput: ``on`` is none of these.
        """
        if on not in get_args(On):
            raise BadInput(f"on must be one of {', '.join(get_args(On))}; got {on!r}")
        if not dialogs or k < 1:
            return [[] for _ in dialogs]
        settings = self.manifest.settings
        texts = [context_text(dialog.texts, settings.turns) for dialog in dialogs]
        queries = embed_contexts(texts, self.encoder, settings.fade)
        if on == "both":
            halves = [self._nearest(queries, k, each, allowed) for each in ("context", "reply")]
            return [in_turn(first, second, k) for first, second in zip(*halves, strict=True)]
        return self._nearest(queries, k, on, allowed)

    def where(self, **values: str | float) -> NDArray[np.bool_]:
        """Which phrases have these values in their columns, bool (phrases,); one without a value is not among them.

        Raises:
            BadInput: the base has no such column.
        """
        return self.contents.where(values)

    def _index(self, role: str, vectors: NDArray[np.floating]) -> VectorIndex:
        kind = self.manifest.indexes[role]
        mapped = self.contents.indexes.get(f"{role}_index")
        if mapped is None:
            return VectorIndex(vectors, kind)
        name = self.manifest.files[f"{role}_index"].name
        return VectorIndex(vectors, kind, tuned(read_index(mapped, self.folder / name, vectors), kind))

    def _nearest(self, queries: Floats, k: int, on: str, allowed: NDArray[np.bool_] | None) -> list[list[Hit]]:
        index = self.contexts_index if on == "context" else self._steered_index or self.replies_index
        if on == "reply" and self.heads:
            queries = self.heads.queries(queries)
        phrase_of = self.contents.phrase_of_context if on == "context" else None  # phrases stand for themselves
        return [self._hits(nearest_phrases(index, query, k, phrase_of, allowed), on) for query in queries]

    def _hits(self, found: Sequence[tuple[int, int, float]], on: str) -> list[Hit]:
        rows = self.contents.taken([phrase for phrase, _, _ in found])
        vectors = self.contents.reply_vectors[[phrase for phrase, _, _ in found]]
        contexts = [at if on == "context" else int(self.contents.first_contexts[phrase]) for phrase, at, _ in found]
        return [
            Hit(
                row=phrase,
                text=row["text"],
                score=score,
                matched=None if context < 0 else self.contents.contexts["text"][context].as_py(),
                times=row["times"],
                columns=_under(COLUMN, row),
                stored=_under(STORED, row),
                embedded=Embedded(fingerprint=self.manifest.encoder_fingerprint, vector=vector),
            )
            for (phrase, _, score), row, context, vector in zip(found, rows, contexts, vectors, strict=True)
        ]


def _under(prefix: str, row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name.removeprefix(prefix): each for name, each in row.items() if name.startswith(prefix) and each is not None
    }
