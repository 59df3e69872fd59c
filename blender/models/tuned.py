"""Encoders kept as their difference from a packaged one: a few megabytes instead of ninety.

tuned.json            version, the encoder it starts from and its digest, how it was trained and measured
changes.safetensors   half precision; of a matrix W the factors ``W.up`` and ``W.down`` whose product is added to it,
                      of a vector what is added
CARD.md               the model card
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from blender.errors import BadModel
from blender.matrix import Floats
from blender.models.folders import read_arrays, read_versioned
from blender.models.reference import Artifact, resolve

if TYPE_CHECKING:
    import torch

    from blender.models.checkpoint import Weights

MANIFEST, CHANGES, CARD = "tuned.json", "changes.safetensors", "CARD.md"
UP, DOWN = ".up", ".down"
VERSION = 1
BREAK = "[SEP]"
AGAIN = "fetch or train the model anew"


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
    return read_versioned(folder / MANIFEST, TunedManifest, VERSION, what="tuned encoder", again=AGAIN)


def read_tuned(folder: Path) -> tuple[Artifact, TunedManifest, dict[str, Floats]]:
    """The checkpoint it starts from, the manifest, and the changes.

    Raises:
        MissingPackage: the package of the checkpoint is not installed.
        BadModel: a file is broken or altered, or the checkpoint is another one than it was trained from.
    """
    manifest = read_manifest(folder)
    start = resolve(manifest.encoder)
    if start.digest != manifest.encoder_digest:
        raise BadModel(f"{folder} changes {manifest.encoder} as it was, the one installed is another; train it anew")
    changes = read_arrays(folder / CHANGES, manifest.changes_sha256, MANIFEST, again=AGAIN)
    return start, manifest, changes


def changed(weights: Weights, changes: Mapping[str, Floats]) -> dict[str, torch.Tensor]:
    """Weights with the changes added, float32 where there is one; the others are the same tensors.

    Raises:
        BadModel: a change belongs to no weight, or does not fit it.
    """
    import torch

    found = dict(weights)
    for name, array in changes.items():
        if name.endswith(DOWN):
            continue
        target = name.removesuffix(UP)
        added = array @ changes[target + DOWN] if name.endswith(UP) else array
        if target not in found or tuple(found[target].shape) != added.shape:
            raise BadModel(f"the changes name {target!r} of shape {added.shape}, which the encoder has not")
        found[target] = found[target].detach().float() + torch.from_numpy(added)
    return found
