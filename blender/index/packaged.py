"""Bases that come with packages: built in the cache folder when they are first asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from blender.index.build import build_base
from blender.index.corpus import Phrase
from blender.index.growing import stored_annotators
from blender.index.settings import BaseSettings
from blender.index.store import VERSION
from blender.models.cache import cache_folder, make_once, text_digest
from blender.models.reference import resolve

SETTINGS = BaseSettings(drop_above={"toxicity.toxic": 0.8})


def built_once(name: str, source_digest: str, phrases: Callable[[], Sequence[Phrase]]) -> Path:
    """The folder of a base of some phrases, built at the first call, with a progress bar.

    Args:
        name: begins the name of its folder.
        source_digest: of what the phrases are read from; another makes another base.
        phrases: gives them, if they are needed.

    Raises:
        MissingPackage: a package that measures or embeds them is not installed; the message says what brings it.
    """
    settings = msgspec.json.encode(SETTINGS).decode()
    measured = [annotator.fingerprint for annotator in stored_annotators(SETTINGS).values()]
    made_of = [source_digest, resolve(SETTINGS.encoder).digest, *measured, settings, str(VERSION)]
    folder = cache_folder() / "bases" / f"{name}-{text_digest(*made_of)}"
    return make_once(folder, lambda place: _build(place, phrases()))


def _build(place: Path, phrases: Sequence[Phrase]) -> None:
    build_base(phrases, place, SETTINGS, progress=True)
