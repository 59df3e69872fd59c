"""A fact head: from how a language model reads an answer with and without the facts, whether they back it.

facts.json            version, the model and its digest, what the head was trained on and how it was measured
weights.safetensors   float16 ``weights`` (width, 3) and float32 ``bias`` (3,): the state with the facts less the state
                      without them, times the weights, plus the bias, are the log-odds of the three `KINDS`
CARD.md               the model card
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from blender.errors import BadModel
from blender.matrix import Floats
from blender.models.cache import one_per_process
from blender.models.folders import folder_of, read_arrays, read_versioned
from blender.models.reference import resolve

HEADS = Path(__file__).parents[1] / "facts"
MANIFEST, NUMBERS, CARD = "facts.json", "weights.safetensors", "CARD.md"
VERSION = 1
KINDS = ("backed", "contrary", "neither")


class FactManifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``facts.json``.

    Attributes:
        version: of the format.
        model: reference of the language model.
        model_digest: of its files.
        numbers_sha256: of ``weights.safetensors``.
        data: digests of the files of items by name.
        settings: how the head was trained.
        metrics: on items that it was not trained on.
    """

    version: int
    model: str
    model_digest: str
    numbers_sha256: str
    data: dict[str, str]
    settings: dict[str, Any]
    metrics: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FactHead:
    """A head as read.

    Attributes:
        weights: float32 (width, 3).
        bias: float32 (3,).
        fingerprint: of the numbers.
    """

    weights: Floats
    bias: Floats
    fingerprint: str

    def probabilities(self, informed: Floats, uninformed: Floats) -> Floats:
        """Of the `KINDS`, float32 (n, 3), by states (n, width) with and without the facts; NaN stays NaN."""
        odds = (informed - uninformed) @ self.weights + self.bias
        likely = np.exp(odds - odds.max(axis=1, keepdims=True))
        found: Floats = (likely / likely.sum(axis=1, keepdims=True)).astype(np.float32)
        return found


def load_fact_head(name: str, model: str) -> FactHead:
    """Load ``default``, which comes with the package, or a folder of one; once per process.

    Raises:
        MissingPackage: the package that carries the model is not installed.
        BadModel: there is no such folder, a file in it is broken or altered, or the head is another model's.
    """
    return _load(folder_of(name, HEADS, MANIFEST), model)


@one_per_process
def _load(folder: Path, model: str) -> FactHead:
    again = "give 'default', or make it anew by `python -m blender.training.facts --out FOLDER`"
    manifest = read_versioned(folder / MANIFEST, FactManifest, VERSION, what="fact head", again=again)
    names = ("weights", "bias")
    numbers = read_arrays(folder / NUMBERS, manifest.numbers_sha256, MANIFEST, names, again=again)
    if manifest.model_digest != resolve(model).digest:
        raise BadModel(f"the fact head in {str(folder)!r} was made for {manifest.model}, not for {model!r}; {again}")
    return FactHead(**{name: numbers[name] for name in names}, fingerprint=manifest.numbers_sha256)
