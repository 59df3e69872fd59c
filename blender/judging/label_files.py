"""Several files of labels: read together, and known again by what they hold."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from blender.errors import BadInput
from blender.judging.labels import read_labels
from blender.judging.pools import LabelledPool

_SHOWN = 16  # hexadecimal digits of a digest


def read_label_files(files: Sequence[Path]) -> list[LabelledPool]:
    """The pools of several files, one after the other.

    Raises:
        BadInput: no file is named, files are wrong (all problems together), the same labels are given twice, or two
            files have one id of one set for different contexts.
    """
    found: list[LabelledPool] = []
    problems: list[str] = [] if files else ["no label file was named; give at least one"]
    seen: dict[str, Path] = {}
    said: dict[tuple[str, str], tuple[Path, list[str]]] = {}
    for path in files:
        try:
            pools = read_labels(path)
        except BadInput as fault:
            problems += fault.problems
            continue
        digest = _digest(path)
        if digest in seen:
            problems.append(f"{path} holds the same as {seen[digest]}; give it once, or its labels count twice")
            continue
        seen[digest] = path
        problems += _clashes(path, pools, said)
        found += pools
    if problems:
        raise BadInput(problems)
    return found


def _clashes(
    path: Path, pools: Sequence[LabelledPool], said: dict[tuple[str, str], tuple[Path, list[str]]]
) -> list[str]:
    """The first id that another file has for another context."""
    for pool in pools:
        dialog = pool.pool.dialog
        other, texts = said.setdefault((pool.dataset, dialog.id), (path, list(dialog.texts)))
        if texts != list(dialog.texts):
            return [
                f"{path} and {other} both have a dialog {dialog.id!r} of the set {pool.dataset!r}, with different "
                "contexts; rename a file, or say in its rows which `dataset` they are of"
            ]
    return []


def label_digests(files: Sequence[Path], known: Mapping[str, str] | None = None) -> dict[str, str]:
    """Name to digest of files whose labels are used, after those ``known``; a name in use gets a part of the digest."""
    return digests_together(known or {}, *({path.name: _digest(path)} for path in files))


def digests_together(*known: Mapping[str, str]) -> dict[str, str]:
    """Several such mappings as one; a name in use gets a part of the digest."""
    found: dict[str, str] = {}
    for one in known:
        for name, digest in one.items():
            if digest not in found.values():
                found[name if name not in found else f"{digest[:6]}/{Path(name).name}"] = digest
    return found


def files_seen(files: Sequence[Path], known: Mapping[str, str]) -> list[str]:
    """Names of the files whose content is among those known by digest."""
    return [path.name for path in files if _digest(path) in known.values()]


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:_SHOWN]
