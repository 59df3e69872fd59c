"""Two small matrices on top of a sentence encoder: one for contexts, one for replies; the identity until trained.

Tuning them alone makes re-indexing one matrix product over the stored embeddings.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from blender.errors import BadModel
from blender.index.store import write_aside
from blender.matrix import Floats
from blender.models.cache import text_digest
from blender.models.folders import read_versioned

VERSION = 1
_MATRICES, _NOTE = "heads.safetensors", "heads.json"
_SHAPES = {"context": 2, "reply": 2, "bias": 1}


@dataclass(frozen=True, kw_only=True, eq=False)
class Heads:
    """A context head and a reply head over embeddings of one encoder.

    The score of a reply is ``scale * queries(context) @ replies(reply)``; its softmax over replies is a policy.

    Attributes:
        context: float32 (d, d); a context's vector v becomes ``context @ v + bias``, then of length 1.
        reply: float32 (d, d); a reply's vector v becomes ``reply @ v``, then of length 1.
        scale: inverse temperature, above 0.
        encoder_fingerprint: of the encoder whose embeddings they read.
        bias: float32 (d,), a direction wanted whatever the context; zeros until trained.
    """

    context: Floats
    reply: Floats
    scale: float
    encoder_fingerprint: str
    bias: Floats

    def __post_init__(self) -> None:
        d = len(self.bias)
        for name, order in _SHAPES.items():
            values = getattr(self, name)
            if values.dtype != np.float32 or values.shape != (d,) * order or not np.isfinite(values).all():
                raise BadModel(
                    f"the heads' {name} must be float32 of shape {(d,) * order} without NaN or infinity; got "
                    f"{values.dtype} of shape {values.shape}; train them anew with `blend tune`"
                )
        if not (math.isfinite(self.scale) and self.scale > 0):
            raise BadModel(f"the heads' scale must be a number above 0, is {self.scale}; train them anew")

    @classmethod
    def identity(cls, dimension: int, encoder_fingerprint: str, scale: float = 20.0) -> Heads:
        """Heads that change nothing; a scale of 20 is what sentence-transformers starts contrastive training with."""
        eye = np.eye(dimension, dtype=np.float32)
        none = np.zeros(dimension, dtype=np.float32)
        return cls(context=eye, reply=eye, scale=scale, encoder_fingerprint=encoder_fingerprint, bias=none)

    @property
    def dimension(self) -> int:
        """Of the embeddings."""
        return len(self.bias)

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hex digits; another if anything in them is."""
        parts = (self.context, self.reply, self.bias)
        return text_digest(self.encoder_fingerprint, repr(self.scale), *(each.tobytes().hex() for each in parts))

    def queries(self, vectors: NDArray[np.floating]) -> Floats:
        """Contexts as they are searched with, float32 (n, d), rows of length 1."""
        return _unit(self._checked(vectors) @ self.context.T + self.bias)

    def replies(self, vectors: NDArray[np.floating]) -> Floats:
        """Replies as they are found, float32 (n, d), rows of length 1."""
        return _unit(self._checked(vectors) @ self.reply.T)

    def check_encoder(self, fingerprint: str) -> None:
        """Refuse embeddings of another encoder.

        Raises:
            BadModel: it is another; the message names both.
        """
        if fingerprint != self.encoder_fingerprint:
            raise BadModel(
                f"the heads were trained on the encoder with fingerprint {self.encoder_fingerprint}, the base's has "
                f"{fingerprint}; use a base of that encoder, or train heads for this one with `blend tune`"
            )

    def save(self, folder: str | Path, **about: Any) -> None:
        """Write ``heads.safetensors`` and, last, ``heads.json``, each aside and renamed.

        Args:
            folder: made if it is not there; heads in it are replaced.
            about: plain values to keep beside: how they were trained, on what, seeds, figures.
        """
        from safetensors.numpy import save

        place = Path(folder).expanduser()
        place.mkdir(parents=True, exist_ok=True)
        matrices = {name: np.ascontiguousarray(getattr(self, name)) for name in _SHAPES}
        note = {
            "version": VERSION,
            "encoder": self.encoder_fingerprint,
            "dimension": self.dimension,
            "scale": self.scale,
            "fingerprint": self.fingerprint,
            "about": about,
        }
        write_aside(place / _MATRICES, save(matrices))
        write_aside(place / _NOTE, msgspec.json.format(msgspec.json.encode(note), indent=1))

    @classmethod
    def load(cls, folder: str | Path, encoder_fingerprint: str | None = None) -> Heads:
        """Read heads.

        Args:
            folder: as ``save`` wrote it.
            encoder_fingerprint: of the encoder at hand; not compared if not given.

        Raises:
            BadModel: there are none, they are broken, or of another encoder (named).
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        place = Path(folder).expanduser()
        again = "make some with `blend tune`"
        note = read_versioned(place / _NOTE, _Note, VERSION, what="heads", again=again)
        try:
            matrices = load_file(place / _MATRICES)
        except (SafetensorError, OSError) as fault:
            raise BadModel(f"the heads at {place} are broken: {fault}; {again}") from None
        if set(matrices) != set(_SHAPES):
            raise BadModel(
                f"the heads at {place} hold {', '.join(sorted(matrices))} instead of {', '.join(_SHAPES)}; {again}"
            )
        heads = cls(scale=note.scale, encoder_fingerprint=note.encoder, **matrices)
        if heads.fingerprint != note.fingerprint:
            raise BadModel(f"the heads at {place} were changed after training (their fingerprint is another)")
        if encoder_fingerprint is not None:
            heads.check_encoder(encoder_fingerprint)
        return heads

    def _checked(self, vectors: NDArray[np.floating]) -> Floats:
        if vectors.ndim != 2 or vectors.shape[1] != self.dimension:
            raise BadModel(f"the heads read vectors of {self.dimension} numbers, got an array of shape {vectors.shape}")
        return np.asarray(vectors, dtype=np.float32)


class _Note(msgspec.Struct):
    version: int
    encoder: str
    scale: float
    fingerprint: str


def _unit(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), dtype=np.float32)
