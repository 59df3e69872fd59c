"""Progress bars, on standard error."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

_T = TypeVar("_T")


def steps(items: Sequence[_T], title: str | None) -> Iterator[_T]:
    """Go through ``items`` under a progress bar called ``title``; without a title, or with one item, none is shown."""
    if title is None or len(items) < 2:
        yield from items
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(items, description=title, console=Console(stderr=True), transient=True)
