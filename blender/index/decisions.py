"""What an editor decided of single phrases, kept beside the base: phrases that no rule may drop."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from blender.errors import BadBase
from blender.index.base import PhraseBase
from blender.index.place import alone
from blender.index.store import write_aside
from blender.pooling import duplicate_key

FILE = "editor.json"


class Decisions(msgspec.Struct, frozen=True):
    """Phrases an editor keeps, as they are in the base."""

    keep: list[str] = []


def read_decisions(folder: Path) -> Decisions:
    """The decisions beside a base; none if there is no file.

    Raises:
        BadBase: the file is broken.
    """
    path = folder / FILE
    if not path.is_file():
        return Decisions()
    try:
        return msgspec.json.decode(path.read_bytes(), type=Decisions)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise BadBase(
            f"{path} is no file of decisions ({fault}); delete it and apply your review again with `blend base apply`"
        ) from None


def add_kept(folder: Path, texts: Iterable[str], gone: Iterable[str] = ()) -> None:
    """Note phrases to keep, and forget those that are gone; several processes may do so at once.

    Raises:
        BadBase: the file is broken or cannot be written.
    """
    lost = set(gone)
    with alone(folder):
        kept = [text for text in dict.fromkeys([*read_decisions(folder).keep, *texts]) if text not in lost]
        try:
            write_aside(folder / FILE, msgspec.json.format(msgspec.json.encode(Decisions(keep=kept)), indent=1))
        except OSError as fault:
            raise BadBase(
                f"cannot write {folder / FILE}: {fault.strerror or fault}; what was there is untouched"
            ) from fault


def kept_phrases(base: PhraseBase) -> NDArray[np.bool_]:
    """Which phrases an editor keeps (case, punctuation and spacing aside), bool (phrases,).

    Raises:
        BadBase: the file of decisions is broken.
    """
    kept = {duplicate_key(text) for text in read_decisions(base.folder).keep}
    if not kept:
        return np.zeros(len(base), dtype=bool)
    return np.array([duplicate_key(text) in kept for text in base.contents.phrases["text"].to_pylist()], dtype=bool)
