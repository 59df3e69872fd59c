"""What takes long and is kept in files, written aside and renamed, so that a killed run goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from blender.matrix import Floats
from blender.models.cache import cache_folder, text_digest
from blender.models.progress import steps
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


def kept_of_texts(
    texts: Sequence[str],
    folder: str,
    key: Sequence[str],
    make: Callable[[list[str]], NDArray[Any]],
    *,
    chunk: int,
    title: str | None = None,
) -> Floats:
    """A row of numbers for each text, float32 (texts, ...), from the cache folder or made, so many texts a file.

    Args:
        texts: any; equal ones are made once.
        folder: of the cache folder.
        key: all that the numbers depend on beside the texts.
        make: gives the rows of some texts; what it gives is kept in its own precision.
        chunk: texts of a file.
        title: of a progress bar; none is shown without.
    """
    distinct = list(dict.fromkeys(texts))
    made: list[NDArray[Any]] = [] if distinct else [np.zeros(0)]
    for start in steps(range(0, len(distinct), chunk), title):
        some = distinct[start : start + chunk]
        path = cache_folder() / folder / f"{text_digest(*key, *some)}.npy"
        made.append(kept_array(path, partial(make, some)))
    row = {text: at for at, text in enumerate(distinct)}
    return np.concatenate(made).astype(np.float32)[[row[text] for text in texts]]
