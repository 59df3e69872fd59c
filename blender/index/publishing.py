"""Putting the columns of a base's phrases beside it: one file and a manifest, written aside and renamed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
import numpy as np

from blender.asides import aside_of
from blender.errors import BadBase
from blender.index.base import PhraseBase
from blender.index.scorers import Scorer
from blender.index.scores import BaseScores
from blender.index.scores_manifest import FOLDER, MANIFEST, VERSION, ScorerNote, ScoresManifest
from blender.index.store import FileNote, npy_header, write_aside
from blender.matrix import Floats

_AT_ONCE = 65_536


def publish(base: PhraseBase, scorers: Sequence[Scorer], blocks: Iterable[Floats]) -> None:
    """Make these the scores of the base, and drop the file of the ones before.

    Args:
        base: what they are of, in this state.
        scorers: in the order of the columns.
        blocks: float32 (some phrases, columns) one after the other, in the order of the phrases.

    Raises:
        BadBase: the disk is full or the folder cannot be written; the scores before are untouched.
    """
    publish_notes(base, [_note(scorer) for scorer in scorers], blocks)


def publish_notes(base: PhraseBase, notes: Sequence[ScorerNote], blocks: Iterable[Floats]) -> None:
    """The same where the scorers themselves are not at hand.

    Raises:
        BadBase: as `publish`.
    """
    place = base.folder / FOLDER
    try:
        file = _columns(place, sum(len(note.columns) for note in notes), len(base), blocks)
        manifest = ScoresManifest(
            version=VERSION,
            base=base.fingerprint,
            encoder=(base.manifest.settings.encoder, base.manifest.encoder_fingerprint),
            phrases=len(base),
            scorers=list(notes),
            file=file,
        )
        write_aside(place / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=1))
    except OSError as fault:
        raise BadBase(
            f"cannot write the scores of {base.folder}: {fault.strerror or fault}; those before are untouched and what "
            "was measured is kept. Free some space and repeat"
        ) from fault
    for path in place.glob("columns-*.npy"):
        if path.name != file.name:
            with suppress(OSError):  # on some systems a file that is open elsewhere cannot be removed
                path.unlink()


def carry_over(before: BaseScores, texts: Sequence[str], base: PhraseBase) -> bool:
    """Publish the scores that the phrases of a base had before others were removed; no model is loaded.

    Args:
        before: the scores before.
        texts: the phrases they are of.
        base: what is left.

    Returns:
        Whether it could be done: not if a phrase is there that had no scores.
    """
    row_of = {text: row for row, text in enumerate(texts)}
    rows = [row_of.get(text, -1) for text in base.contents.phrases["text"].to_pylist()]
    if min(rows, default=0) < 0:
        return False
    some = (rows[start : start + _AT_ONCE] for start in range(0, len(rows), _AT_ONCE))
    publish_notes(base, before.manifest.scorers, (np.asarray(before.values[:, part], np.float32).T for part in some))
    return True


def _note(scorer: Scorer) -> ScorerNote:
    return ScorerNote(
        name=scorer.name,
        settings=scorer.settings,
        fingerprint=scorer.fingerprint,
        made_with=scorer.made_with,
        columns=list(scorer.columns),
        stored=list(scorer.stored),
    )


def _columns(place: Path, columns: int, phrases: int, blocks: Iterable[Floats]) -> FileNote:
    """Write npy (columns, phrases) piece by piece, by plain writes: a full disk under a memory map would kill us."""
    header = npy_header(np.dtype(np.float32), (columns, phrases))
    aside = aside_of(place / "columns")
    try:
        with aside.open("wb") as stream:
            stream.write(header)
            start = 0
            for block in blocks:
                for at, values in enumerate(block.T):
                    stream.seek(len(header) + 4 * (at * phrases + start))
                    stream.write(np.ascontiguousarray(values, dtype="<f4").data)
                start += len(block)
        with aside.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        note = FileNote(f"columns-{digest[:12]}.npy", aside.stat().st_size, digest)
        aside.replace(place / note.name)
    finally:
        aside.unlink(missing_ok=True)
    return note
