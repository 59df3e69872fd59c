"""The files of a bundle: what ``bundle.json`` says, and reading, checking and writing files beside it."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from blender.asides import aside_of
from blender.errors import BadBundle

FORMAT = 1
MANIFEST = "bundle.json"


class LinearPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A linear part in the manifest."""

    columns: tuple[str, ...] = ()
    weights: tuple[float, ...] = ()


class TreesPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Trees in the manifest: what they read, the files by seed, the calibration curve and the probe of a head."""

    columns: tuple[str, ...]
    files: tuple[str, ...]
    x: tuple[float, ...] = ()
    y: tuple[float, ...] = ()
    probe: LinearPart = LinearPart()
    after: str = ""  # another head, whose score counts as much in the probability


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``bundle.json``."""

    format: int
    columns: tuple[str, ...]
    annotators: dict[str, dict[str, Any]]
    fingerprints: dict[str, str]
    data: dict[str, str]
    target: str
    linear: LinearPart
    head_weight: float
    trees: dict[str, TreesPart]
    metrics: dict[str, Any]
    settings: dict[str, Any]
    versions: dict[str, str]
    sha256: dict[str, str]
    length_taste: float = 0.0  # bundles made before it was measured have none


def read_manifest(folder: Path) -> tuple[Manifest, bytes]:
    """``bundle.json`` of a bundle, parsed and as bytes.

    Raises:
        BadBundle: it is missing, broken, or of a version that is not known here.
    """
    path = folder / MANIFEST
    try:
        raw = path.read_bytes()
        version = msgspec.json.decode(raw, type=dict[str, Any]).get("format")
        if version != FORMAT:
            raise BadBundle(
                f"{path} has format {version!r}, this version reads {FORMAT}; "
                "update response-blender or train the bundle anew"
            )
        return msgspec.json.decode(raw, type=Manifest), raw
    except OSError as fault:
        raise BadBundle(f"{folder} is no bundle: {MANIFEST} cannot be read ({fault.strerror})") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise BadBundle(f"{path} is broken: {fault}; fetch or train the bundle anew") from None


def read_checked(folder: Path, name: str, digest: str) -> str:
    """The text of one file of a bundle.

    Raises:
        BadBundle: it is missing, lies outside the folder, has another sha256 than the manifest says, or is no UTF-8.
    """
    path = folder / name
    if Path(name).name != name or "\0" in name:
        raise BadBundle(f"{folder / MANIFEST} names a file outside the bundle: {name!r}")
    try:
        raw = path.read_bytes()
    except OSError as fault:
        raise BadBundle(f"{path} cannot be read ({fault.strerror}); fetch or train the bundle anew") from None
    if sha256(raw) != digest:
        raise BadBundle(
            f"{path} is truncated or altered: {len(raw)} bytes with sha256 {sha256(raw)[:12]}…, "
            f"should be {digest[:12]}…; fetch or train the bundle anew"
        )
    try:
        return raw.decode()
    except UnicodeDecodeError as fault:
        raise BadBundle(f"{path} is broken: {fault}; fetch or train the bundle anew") from None


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """A folder aside that takes the place of ``folder`` once it is whole; else the old one stays.

    What is replaced keeps its permissions; what is new gets those that the umask leaves.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = aside_of(folder)
    aside.mkdir()
    try:
        yield aside
        _put_in_place(aside, folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)  # gone already when all went well


def _put_in_place(aside: Path, folder: Path) -> None:
    if not folder.exists():
        aside.rename(folder)
        return
    shutil.copymode(folder, aside)
    old = aside.with_name(aside.name + "-old")
    folder.rename(old)
    try:
        aside.rename(folder)
    except OSError:
        old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def write_flushed(path: Path, content: bytes) -> None:
    """Write a file and wait until the disk has it, so that a full disk is noticed here."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sha256(content: bytes) -> str:
    """SHA-256, hex."""
    return hashlib.sha256(content).hexdigest()
