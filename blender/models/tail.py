"""A tail: layers that go on from the middle of a language model on their own, trained to tell a true reply from others.

tail.json             version, the model it belongs to and its digest, how it was trained and measured
changes.safetensors   half precision: the difference from the model's own layers behind the middle, as
                      ``blender.models.tuned`` keeps it, and what turns the state of an answer into its score
CARD.md               the model card
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from blender.errors import BadModel
from blender.matrix import Floats
from blender.models.cache import one_per_process
from blender.models.causal import checkpoint_folder
from blender.models.checkpoint import read_checkpoint
from blender.models.folders import folder_of, read_arrays, read_versioned
from blender.models.reference import resolve
from blender.models.tuned import CARD, CHANGES, changed

if TYPE_CHECKING:
    import torch

TAILS = Path(__file__).parents[1] / "tails"
MANIFEST = "tail.json"
VERSION = 1
NORM, OUT, BIAS = "score.norm", "score.out", "score.bias"
EPS = float(np.finfo(np.float32).eps)
AGAIN = "give 'default', or make it anew by `python -m blender.training.coherence.train --out FOLDER`"

__all__ = ["CARD", "CHANGES", "MANIFEST", "TAILS", "VERSION", "Tail", "TailManifest", "load_tail"]


class TailManifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``tail.json``.

    Attributes:
        version: of the format.
        model: reference of the language model.
        model_digest: of its files.
        changes_sha256: of ``changes.safetensors``.
        first: after how many layers of the model it begins.
        layers: how many.
        data: where the conversations came from.
        settings: how it was trained.
        metrics: on held-out conversations.
    """

    version: int
    model: str
    model_digest: str
    changes_sha256: str
    first: int
    layers: int
    data: str
    settings: dict[str, Any]
    metrics: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tail:
    """A tail as read.

    Attributes:
        weights: of its layers, named ``0.``, ``1.``, ... and as in a layer of the network; float32.
        norm: float32 (width,).
        out: float32 (width,).
        bias: of the score.
        fingerprint: of the file.
    """

    weights: Mapping[str, torch.Tensor]
    norm: Floats
    out: Floats
    bias: float
    fingerprint: str

    def score(self, states: Floats) -> Floats:
        """Scores float32 (n,) of the mean states (n, width) of answers; NaN stays NaN."""
        size = np.sqrt((states**2).mean(1, keepdims=True) + EPS)
        found: Floats = ((states / size * self.norm) @ self.out + self.bias).astype(np.float32)
        return found


def load_tail(name: str, model: str) -> Tail:
    """Load ``default``, which comes with the package, or a folder that the training wrote; once per process.

    Raises:
        MissingPackage: the package that carries the model is not installed.
        BadModel: there is no such folder, a file in it is broken or altered, or the tail is another model's.
    """
    return _load(tail_folder(name), model)


def tail_folder(name: str) -> Path:
    """Where the tail of that name lies: one that comes with the package, or else a folder."""
    return folder_of(name, TAILS, MANIFEST)


def read_manifest(folder: Path) -> TailManifest:
    """What a tail says about itself.

    Raises:
        BadModel: there is no tail in the folder, or one of another version.
    """
    return read_versioned(folder / MANIFEST, TailManifest, VERSION, what="tail of a language model", again=AGAIN)


@one_per_process
def _load(folder: Path, model: str) -> Tail:
    manifest, artifact = read_manifest(folder), resolve(model)
    if manifest.model_digest != artifact.digest:
        raise BadModel(f"the tail in {str(folder)!r} was made for {manifest.model}, not for {model!r}; {AGAIN}")
    score = (NORM, OUT, BIAS)
    changes = read_arrays(folder / CHANGES, manifest.changes_sha256, MANIFEST, score, again=AGAIN)
    norm, out, bias = (changes.pop(name) for name in score)
    own = layers_of(checkpoint_folder(artifact), manifest.first, manifest.layers)
    return Tail(
        weights={name: each.detach().float() for name, each in changed(own, changes).items()},
        norm=norm,
        out=out,
        bias=float(bias[0]),
        fingerprint=manifest.changes_sha256,
    )


def layers_of(folder: Path, first: int, count: int) -> dict[str, torch.Tensor]:
    """Weights of some layers of a checkpoint, named from ``0.`` on.

    Raises:
        BadModel: it is no checkpoint of one safetensors file.
    """
    begins = {f"model.layers.{first + at}.": f"{at}." for at in range(count)}
    found = read_checkpoint(folder, tuple(begins))
    if found is None:
        raise BadModel(f"a tail needs a checkpoint of one safetensors file, which {folder} is not")
    return {
        new + name.removeprefix(old): each
        for name, each in found.weights.items()
        for old, new in begins.items()
        if name.startswith(old)
    }
