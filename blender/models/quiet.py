"""Keeps transformers from writing its own bars and load reports while a model loads or is converted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from threading import RLock
from typing import Any

_lock = RLock()


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Hold transformers to errors, without progress bars; what was set before comes back."""
    noise: Any = import_module("transformers.utils.logging")  # its functions carry no types

    with _lock:
        level, bars = noise.get_verbosity(), noise.is_progress_bar_enabled()
        noise.set_verbosity_error()
        noise.disable_progress_bar()
        try:
            yield
        finally:
            noise.set_verbosity(level)
            if bars:
                noise.enable_progress_bar()
