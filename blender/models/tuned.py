"""Encoders kept as their difference from a packaged one: a few megabytes instead of ninety.

tuned.json            version, the encoder it starts from and its digest, how it was trained and measured
changes.safetensors   half precision; of a matrix W the factors ``W.up`` and ``W.down`` whose product is added to it,
                      of a vector what is added
CARD.md               the model card
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from blender.errors import BadModel
from blender.matrix import Floats
from blender.models.cache import file_digest
from blender.models.networks import load_checkpoint
from blender.models.reference import Artifact, resolve

MANIFEST, CHANGES, CARD = "tuned.json", "changes.safetensors", "CARD.md"
UP, DOWN = ".up", ".down"
VERSION = 1
BREAK = "[SEP]"


class TunedManifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``tuned.json``.

    Attributes:
        version: of the format.
        encoder: reference of the checkpoint that the changes are added to.
        encoder_digest: of its files.
        changes_sha256: of ``changes.safetensors``.
        turns: of a context, the newest, that it was trained to read.
        tokens: of a text, special tokens included.
        data: where the pairs came from.
        settings: how it was trained.
        metrics: on held-out pairs.
    """

    version: int
    encoder: str
    encoder_digest: str
    changes_sha256: str
    turns: int
    tokens: int
    data: str
    settings: dict[str, Any]
    metrics: dict[str, Any]


def newest_first(turns: Sequence[str]) -> str:
    """A context as one text: the newest turn comes first, so that what is cut off at the end is the oldest.

    >>> newest_first(["Hi!", "How are you?"])
    'How are you? [SEP] Hi!'
    """
    return f" {BREAK} ".join(turn.replace(BREAK, " ") for turn in reversed(turns))


def is_tuned(path: Path) -> bool:
    """Whether a folder holds such an encoder."""
    return (path / MANIFEST).is_file()


def read_manifest(folder: Path) -> TunedManifest:
    """Read ``tuned.json``.

    Raises:
        BadModel: it is broken or of a version not known here.
    """
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=TunedManifest)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise BadModel(f"{folder / MANIFEST} cannot be read: {fault}; fetch or train the encoder anew") from None
    if manifest.version != VERSION:
        raise BadModel(f"{folder / MANIFEST} has version {manifest.version}, this package reads {VERSION}; update it")
    return manifest


def load_tuned(folder: Path) -> tuple[Any, Artifact, TunedManifest]:
    """The module with the changes added, the checkpoint it started from, and the manifest.

    Raises:
        MissingPackage: the package of the checkpoint is not installed.
        BadModel: a file is broken or altered, or the checkpoint is another one than it was trained from.
    """
    manifest = read_manifest(folder)
    start = resolve(manifest.encoder)
    if start.digest != manifest.encoder_digest:
        raise BadModel(f"{folder} changes {manifest.encoder} as it was, the one installed is another; train it anew")
    module = load_checkpoint(start.path, "AutoModel")
    add_changes(module, _changes(folder, manifest))
    return module, start, manifest


def add_changes(module: Any, changes: Mapping[str, Floats]) -> None:
    """Add changes to a module's parameters.

    Raises:
        BadModel: a change belongs to no parameter, or does not fit it.
    """
    import torch

    parameters = dict(module.named_parameters())
    with torch.no_grad():
        for name, array in changes.items():
            if name.endswith(DOWN):
                continue
            target = name.removesuffix(UP)
            added = array @ changes[target + DOWN] if name.endswith(UP) else array
            if target not in parameters or tuple(parameters[target].shape) != added.shape:
                raise BadModel(f"the changes name {target!r} of shape {added.shape}, which the encoder has not")
            parameters[target] += torch.from_numpy(added)


def _changes(folder: Path, manifest: TunedManifest) -> dict[str, Floats]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    path = folder / CHANGES
    try:
        if file_digest(path) != manifest.changes_sha256:
            raise BadModel(f"{path} is not the file that {MANIFEST} names; fetch or train the encoder anew")
        return {name: array.astype(np.float32) for name, array in load_file(path).items()}
    except (OSError, SafetensorError) as fault:
        raise BadModel(f"{path} cannot be read: {fault}; fetch or train the encoder anew") from None
