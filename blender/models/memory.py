"""Memory of large tensors goes back to the system when they do."""

from __future__ import annotations

import ctypes
import os
import platform
from functools import cache

_TRIM, _MMAP = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of glibc's malloc.h
_LARGE = 1 << 20  # bytes


@cache
def give_back_large() -> bool:
    """Let the C library map every piece of a megabyte or more apart, for the whole process; whether it does now.

    Left alone, glibc raises that bound to the largest piece it has seen freed, up to 32 MB. What a language model keeps
    of a context then lies between the tensors of its passes, and what these leave behind is never given back: the
    default preset grew by 1.5 to 2 MB with every choice. It costs time of the system (0.1 s in 20 choices, more where
    large batches are scored, so training leaves it). Where the environment sets the bound, that stands.
    """
    if platform.libc_ver()[0] != "glibc" or {"MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES"} & os.environ.keys():
        return False
    library = ctypes.CDLL(None)
    return bool(library.mallopt(_MMAP, _LARGE)) and bool(library.mallopt(_TRIM, _LARGE))
