"""Chooses the answer of a dialogue system: pool, annotate, guard, rank, choose, explain.

Importing this package loads neither torch nor transformers; models load when a blender does. On Linux it tells OpenMP
in the environment how its threads wait, unless that says so already: see ``blender.openmp``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from blender.openmp import wait_briefly

__version__ = "0.1.0"

if TYPE_CHECKING:
    from blender.engine import Blender
    from blender.errors import BlendError
    from blender.records import Candidate, Dialog, Pool, Turn
    from blender.selection import Selection

_HOME = {
    "BlendError": "blender.errors",
    "Blender": "blender.engine",
    "Candidate": "blender.records",
    "Dialog": "blender.records",
    "Pool": "blender.records",
    "Selection": "blender.selection",
    "Turn": "blender.records",
}
__all__ = ["BlendError", "Blender", "Candidate", "Dialog", "Pool", "Selection", "Turn"]

wait_briefly()


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'blender' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)
