"""LightGBM's trees by its C interface: its Python package imports scikit-learn and scipy, which takes over a second."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

from blender.errors import BadBundle, MissingPackage
from blender.matrix import Floats
from blender.tree_text import check_trees, columns_of

# Numbers of LightGBM's C interface (c_api.h).
_FLOAT32, _ROW_MAJOR, _RAW, _CONTRIBUTIONS, _ALL_TREES = 0, 1, 1, 3, -1
_Handle = ctypes.c_void_p


class Forest:
    """Trees of several models in one, whose raw score is the sum of theirs. Thread-safe.

    Args:
        texts: models in LightGBM's text form, at least one.

    Attributes:
        columns: what the first was trained on.

    Raises:
        BadBundle: a text is not a LightGBM model, or has trees that are not whole (`blender.tree_text`).
        MissingPackage: LightGBM is not installed.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        handles = [_loaded(text) for text in texts]
        self._handle = handles[0]
        for other in handles[1:]:
            _call("LGBM_BoosterMerge", self._handle, other)
            _free(other)
        finalize(self, _free, self._handle)
        self.columns = columns_of(texts[0])

    def predict(self, values: Floats) -> NDArray[np.float64]:
        """Sum of the trees for each row of ``values``, float64 (n_rows,)."""
        return self._predicted(values, _RAW, 1)[:, 0]

    def contributions(self, values: Floats) -> NDArray[np.float64]:
        """TreeSHAP values (Lundberg et al. 2018) of rows, float64 (n_rows, n_columns)."""
        return self._predicted(values, _CONTRIBUTIONS, values.shape[1] + 1)[:, :-1]

    def to_text(self) -> str:
        """The forest in LightGBM's text form."""
        size, by_gain, room = ctypes.c_int64(), 1, 1 << 20
        while True:
            text = ctypes.create_string_buffer(room)
            given = (ctypes.c_int64(room), ctypes.byref(size), text)
            _call("LGBM_BoosterSaveModelToString", self._handle, 0, _ALL_TREES, by_gain, *given)
            if size.value <= room:
                return text.value.decode()
            room = size.value

    def _predicted(self, values: Floats, kind: int, width: int) -> NDArray[np.float64]:
        values = np.ascontiguousarray(values, dtype=np.float32)
        rows, columns = values.shape
        if columns != len(self.columns):
            raise ValueError(f"trees of {len(self.columns)} columns were given {columns}")
        found = np.empty((rows, width), dtype=np.float64)
        # One thread: pools are small, and starting threads costs more than the trees.
        how = (kind, 0, _ALL_TREES, b"num_threads=1", ctypes.byref(ctypes.c_int64()), found.ctypes.data_as(_Handle))
        _call("LGBM_BoosterPredictForMat", self._handle, values.ctypes.data_as(_Handle), _FLOAT32, rows, columns,
              _ROW_MAJOR, *how)  # fmt: skip
        return found


def _loaded(text: str) -> _Handle:
    check_trees(text)
    handle = _Handle()
    _call("LGBM_BoosterLoadModelFromString", text.encode(), ctypes.byref(ctypes.c_int()), ctypes.byref(handle))
    return handle


def _free(handle: _Handle) -> None:
    _library().LGBM_BoosterFree(handle)


def _call(name: str, *given: object) -> None:
    library = _library()
    if getattr(library, name)(*given):
        fault = library.LGBM_GetLastError().decode(errors="replace")
        raise BadBundle(f"the trees are not a LightGBM model ({fault}); train or fetch the bundle anew")


@cache
def _library() -> ctypes.CDLL:
    spec = find_spec("lightgbm")
    folder = Path(spec.origin).parent if spec and spec.origin else None
    endings = (".so", ".dylib", ".dll")
    found = [path for path in folder.rglob("lib_lightgbm.*") if path.suffix in endings] if folder else []
    if not found:
        raise MissingPackage(
            "the trees of a bundle need LightGBM with its library; install it with `pip install lightgbm`"
        )
    library = ctypes.CDLL(str(found[0]))
    library.LGBM_GetLastError.restype = ctypes.c_char_p
    return library
