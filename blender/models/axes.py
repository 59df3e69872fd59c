"""Main axes of a language model's hidden states: a point of hundreds of coordinates told by a few dozen.

axes.json          version, the model and its digest, what the axes were made from
axes.safetensors   float16 ``center`` (width,), ``axes`` (width, 64) and float32 ``scale`` (64,): a state less the
                   center, times the axes, over the scale, has coordinates of variance 1
CARD.md            the model card
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

AXES = Path(__file__).parents[1] / "axes"
MANIFEST, NUMBERS, CARD = "axes.json", "axes.safetensors", "CARD.md"
VERSION = 1
WIDTH = 64


class AxesManifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``axes.json``.

    Attributes:
        version: of the format.
        model: reference of the language model.
        model_digest: of its files.
        numbers_sha256: of ``axes.safetensors``.
        data: where the conversations came from.
        settings: how the axes were made.
        explained: share of the variance inside pools that they keep.
    """

    version: int
    model: str
    model_digest: str
    numbers_sha256: str
    data: str
    settings: dict[str, Any]
    explained: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Axes:
    """Axes as read.

    Attributes:
        center: float32 (width,).
        axes: float32 (width, 64).
        scale: float32 (64,).
        fingerprint: of the numbers.
    """

    center: Floats
    axes: Floats
    scale: Floats
    fingerprint: str

    def of(self, states: Floats) -> Floats:
        """Coordinates, float32 (n, 64), of states (n, width); NaN stays NaN."""
        coordinates: Floats = ((states - self.center) @ self.axes / self.scale).astype(np.float32)
        return coordinates


def load_axes(name: str, model: str) -> Axes:
    """Load ``default``, which comes with the package, or a folder of axes; once per process.

    Raises:
        MissingPackage: the package that carries the model is not installed.
        BadModel: there is no such folder, a file in it is broken or altered, or the axes are another model's.
    """
    return _load(folder_of(name, AXES, MANIFEST), model)


@one_per_process
def _load(folder: Path, model: str) -> Axes:
    again = "give 'default', or make them anew by `python -m blender.training.axes --model MODEL --out FOLDER`"
    what = "axes of hidden states"
    manifest = read_versioned(folder / MANIFEST, AxesManifest, VERSION, what=what, again=again)
    names = ("center", "axes", "scale")
    numbers = read_arrays(folder / NUMBERS, manifest.numbers_sha256, MANIFEST, names, again=again)
    if manifest.model_digest != resolve(model).digest:
        raise BadModel(f"the axes in {str(folder)!r} were made for {manifest.model}, not for {model!r}; {again}")
    return Axes(**{name: numbers[name] for name in names}, fingerprint=manifest.numbers_sha256)
