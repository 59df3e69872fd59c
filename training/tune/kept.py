"""What takes long and is kept in a file of its own, written aside and renamed, so that a killed run goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from blender.outputs import written_aside

_T = TypeVar("_T")


def kept_json(path: Path, kind: type[_T], make: Callable[[], _T]) -> _T:
    """What stands in a JSON file; made and written if it is not there."""
    if path.is_file():
        return msgspec.json.decode(path.read_bytes(), type=kind)
    made = make()
    with written_aside(path) as aside:
        aside.write_bytes(msgspec.json.encode(made))
    return made


def kept_array(path: Path, make: Callable[[], NDArray[Any]]) -> NDArray[Any]:
    """The array of an npy file; made and written if it is not there."""
    if not path.is_file():
        made = make()
        with written_aside(path) as aside, aside.open("wb") as file:
            np.save(file, made, allow_pickle=False)
    found: NDArray[Any] = np.load(path, allow_pickle=False)
    return found
