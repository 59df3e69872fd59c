"""Building a phrase base, adding to it and removing from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blender.errors import BadBase, BadInput
from blender.index.base import PhraseBase, check_encoder
from blender.index.contents import Contents
from blender.index.context import TURN_BREAK, context_text
from blender.index.corpus import Phrase
from blender.index.growing import Grower, stored_annotators
from blender.index.place import alone, check_base_place
from blender.index.settings import BaseSettings, TextEncoder
from blender.index.store import VERSION, Manifest, read_base, writing
from blender.index.vectors import choose_kind, make_index
from blender.pooling import duplicate_key
from blender.roles import Annotator


def build_base(
    phrases: Iterable[Phrase],
    folder: str | Path,
    settings: BaseSettings | None = None,
    *,
    encoder: TextEncoder | None = None,
    annotators: Mapping[str, Annotator] | None = None,
    overwrite: bool = False,
    progress: bool = False,
) -> PhraseBase:
    """Build a base from phrases.

    Args:
        phrases: taken whole before anything is written.
        folder: where it goes; made if it is not there.
        settings: how; the usual ones if not given. ``turns`` is kept no larger than the longest context needs.
        encoder: used instead of loading ``settings.encoder``.
        annotators: measure ``settings.stored``, by name; from the catalogue of annotators if not given.
        overwrite: replace the base that is there.
        progress: show progress bars on standard error.

    Raises:
        BadInput: a row was wrong, there is no phrase, or the folder holds a base already or files of something else.
        BadBase: the folder cannot be written; what was there is untouched.
    """
    given = list(phrases)
    settings = settings or BaseSettings()
    place = Path(folder)
    check_base_place(place, overwrite=overwrite)
    if not given:
        raise BadInput("a base needs at least one phrase, got none")
    # In a base of questions and answers the turns before the question would only blur the search.
    longest = max(
        len(context_text(phrase.context.split(TURN_BREAK), settings.turns).split(TURN_BREAK)) for phrase in given
    )
    settings = replace(settings, turns=longest)
    grower = _grower(settings, encoder, annotators, progress)
    contents = grower.grow(None, given)
    with alone(place):
        check_base_place(place, overwrite=overwrite)  # another process may have built one meanwhile
        _write(place, contents, settings, grower.encoder.fingerprint, progress)
    return PhraseBase.open(place, encoder=grower.encoder)


def add(
    folder: str | Path,
    phrases: Iterable[Phrase],
    *,
    encoder: TextEncoder | None = None,
    annotators: Mapping[str, Annotator] | None = None,
    progress: bool = False,
) -> PhraseBase:
    """Add phrases to a base, with the settings it was built with; embeddings it has are kept as they are.

    Raises:
        BadInput: a row was wrong, or a column is text here and a number there.
        BadBase: there is no base, it is broken, made with another encoder, or cannot be written.
    """
    given = list(phrases)
    place = Path(folder)
    with _changing(place) as (manifest, contents):
        grower = _grower(manifest.settings, encoder, annotators, progress)
        check_encoder(place, manifest, grower.encoder)
        grown = grower.grow(contents, given)
        _write(place, grown, manifest.settings, manifest.encoder_fingerprint, progress)
    return PhraseBase.open(place, encoder=grower.encoder)


def remove(
    folder: str | Path,
    texts: Sequence[str] = (),
    *,
    where: Mapping[str, str | float] | None = None,
    progress: bool = False,
) -> int:
    """Remove phrases by text (case, punctuation and spacing aside) and by the value of a column.

    Returns:
        How many were removed. No model is loaded.

    Raises:
        BadInput: a text or a column is not in the base, nothing was asked for, or nothing would be left.
        BadBase: there is no base, it is broken, or cannot be written.
    """
    place = Path(folder)
    if not texts and not where:
        raise BadInput("nothing to remove: give texts of phrases, or a column and its value")
    with _changing(place) as (manifest, contents):
        gone = _of_texts(contents, texts)
        if where:
            gone |= contents.where(where)
        if gone.all():
            raise BadInput(f"this would leave nothing in {place}; delete the folder if that is meant")
        if gone.any():
            _write(place, contents.keep(~gone), manifest.settings, manifest.encoder_fingerprint, progress)
    return int(gone.sum())


def _grower(
    settings: BaseSettings,
    encoder: TextEncoder | None,
    annotators: Mapping[str, Annotator] | None,
    progress: bool,
) -> Grower:
    from blender.models.encoder import load_encoder

    measure = stored_annotators(settings) if annotators is None else annotators
    return Grower(
        settings=settings,
        encoder=encoder or load_encoder(settings.encoder),
        annotators=measure,
        progress=progress,
    )


def _of_texts(contents: Contents, texts: Sequence[str]) -> NDArray[np.bool_]:
    wanted = {duplicate_key(text): text for text in texts}
    keys = [duplicate_key(text) for text in contents.phrases["text"].to_pylist()] if texts else []
    absent = [text for key, text in wanted.items() if key not in set(keys)]
    if absent:
        raise BadInput(
            [f"the base has no phrase {text!r:.80}; `blend index search` finds near ones" for text in absent]
        )
    return np.array([key in wanted for key in keys] or np.zeros(len(contents)), dtype=bool)


@contextmanager
def _changing(folder: Path) -> Iterator[tuple[Manifest, Contents]]:
    if not folder.is_dir():
        raise BadBase(f"no phrase base at {folder}; make one with `blend index build`")
    with alone(folder):
        yield read_base(folder)


def _write(folder: Path, contents: Contents, settings: BaseSettings, fingerprint: str, progress: bool) -> None:
    found = {"contexts": contents.context_vectors, "replies": contents.reply_vectors}
    with writing(folder) as writer:
        writer.table("phrases", contents.phrases)
        writer.table("contexts", contents.contexts)
        writer.vectors("reply_vectors", contents.reply_vectors)
        writer.vectors("context_vectors", contents.context_vectors)
        kinds = {}
        for role, vectors in found.items():
            kinds[role] = choose_kind(len(vectors), settings.index)
            if kinds[role] != "flat":  # a flat index is the vectors themselves
                import faiss

                made = make_index(vectors, kinds[role], f"indexing {role}" if progress else None)
                writer.data(f"{role}_index", "faiss", faiss.serialize_index(made).data)
        writer.commit(
            Manifest(
                version=VERSION,
                encoder_fingerprint=fingerprint,
                settings=settings,
                counts={
                    "phrases": len(contents),
                    "contexts": len(contents.contexts),
                    "pairs": int(contents.times.sum()),
                },
                indexes=dict(kinds),
                files=writer.notes,
            )
        )
