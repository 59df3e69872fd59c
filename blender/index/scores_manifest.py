"""The manifest of a base's scores: the state of the base they are of, and what made every column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from blender.errors import BadBase
from blender.index.store import FileNote
from blender.models.folders import read_versioned

VERSION = 1
FOLDER, MANIFEST = "scores", "scores.json"
AGAIN = "score it again with `blend base score {}`; what is known of phrases that stayed is not measured anew"


class ScorerNote(msgspec.Struct, frozen=True, kw_only=True):
    """One scorer as it was used.

    Attributes:
        name: ``perplexity.alone``, ``perplexity.conditional`` or the name of an annotator.
        settings: those given.
        fingerprint: of method, settings and models.
        made_with: models and settings in words.
        columns: full names, such as ``toxicity.toxic``.
        stored: keys under which candidates carry these columns to the annotator that measures them, likewise.
    """

    name: str
    settings: dict[str, Any]
    fingerprint: str
    made_with: str
    columns: list[str]
    stored: list[str] = []


class ScoresManifest(msgspec.Struct, frozen=True, kw_only=True):
    """What the columns are of.

    Attributes:
        version: of this layout.
        base: fingerprint of the base's state.
        encoder: reference and fingerprint of the base's encoder.
        phrases: how many.
        scorers: in the order of their columns.
        file: float32 npy (columns, phrases).
    """

    version: int
    base: str
    encoder: tuple[str, str]
    phrases: int
    scorers: list[ScorerNote]
    file: FileNote


def read_scores_manifest(place: Path) -> ScoresManifest | None:
    """What a base was scored with, in whatever state of it; ``None`` if it never was.

    Args:
        place: the folder ``scores`` of the base.

    Raises:
        BadBase: the manifest is broken or of another version.
    """
    path = place / MANIFEST
    if not path.is_file():
        return None
    again = AGAIN.format(place.parent)
    return read_versioned(path, ScoresManifest, VERSION, what="scores", again=again, wrong=BadBase)
