"""What folders of models hold: a manifest with a version, and files of arrays that it names by their digests."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np

from blender.errors import BadModel, BlendError
from blender.matrix import Floats
from blender.models.cache import file_digest

_T = TypeVar("_T")


def folder_of(name: str, shipped: Path, manifest: str) -> Path:
    """Where what has that name lies: among what comes with the package, or else the name is that of a folder."""
    named = shipped / name
    return named if (named / manifest).is_file() else Path(name).expanduser().absolute()


def read_versioned(
    path: Path, kind: type[_T], version: int, *, what: str, again: str, wrong: type[BlendError] = BadModel
) -> _T:
    """Read a JSON manifest; of another version than is read here nothing but the version is looked at.

    Args:
        path: of the manifest.
        kind: what it should be.
        version: the one that is read here.
        what: the folder would be if the manifest were there, such as ``proxy``.
        again: what to do where it cannot be read.
        wrong: raised then.
    """
    try:
        raw = path.read_bytes()
        found = msgspec.json.decode(raw, type=dict[str, Any]).get("version")
        if found != version:
            raise wrong(f"{path} has version {found!r}, this package reads {version}; update it, or {again}")
        return msgspec.json.decode(raw, type=kind)
    except OSError as fault:
        raise wrong(f"no {what} at {path.parent}: {path.name} cannot be read ({fault.strerror}); {again}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise wrong(f"{path} is broken: {fault}; {again}") from None


def read_arrays(path: Path, sha256: str, manifest: str, names: Iterable[str] = (), *, again: str) -> dict[str, Floats]:
    """Read a safetensors file whose digest the file called ``manifest`` names; float32 by name.

    Raises:
        BadModel: it cannot be read, is altered, or lacks one of ``names``.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        if file_digest(path) != sha256:
            raise BadModel(f"{path} is altered or truncated: it is not the file that {manifest} names; {again}")
        found = {name: array.astype(np.float32) for name, array in load_file(path).items()}
    except (OSError, SafetensorError) as fault:
        raise BadModel(f"{path} cannot be read: {fault}; {again}") from None
    lacking = [name for name in names if name not in found]
    if lacking:
        raise BadModel(f"{path} lacks {', '.join(lacking)}; {again}")
    return found
