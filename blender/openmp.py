"""How the threads of torch (OpenMP) wait for each other between two pieces of work."""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping

_WAITING = {
    "OMP_WAIT_POLICY": "active",  # ten microseconds instead of one, where there are more threads than cores
    "GOMP_SPINCOUNT": "300000",  # else 3 ms, as if nothing had been said, instead of minutes
    "KMP_BLOCKTIME": "200",  # the same for Intel's and LLVM's OpenMP, in ms
}


def wait_briefly(environment: MutableMapping[str, str] = os.environ) -> bool:
    """Let threads of GNU's OpenMP look for work a little longer before they sleep; whether that was set.

    Every thread that calls torch has a team of its own, so a blender that runs two parts side by side has more threads
    than the machine has cores. GNU's OpenMP then lets them sleep after a microsecond, and waking them, some hundred
    times in a pass, takes about as long as what they do. It reads the environment once, as torch is imported.

    Nothing is changed where the environment says how threads wait, on systems other than Linux, or when torch is
    imported already.
    """
    if sys.platform != "linux" or "torch" in sys.modules or _WAITING.keys() & environment.keys():
        return False
    environment.update(_WAITING)
    return True
