"""The packages whose versions decide what a bundle says, and which of them are others now than when it was made."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version

from blender import __version__

_PACKAGES = ("lightgbm", "wordfreq")


def versions() -> dict[str, str]:
    """Versions worth remembering: this package, what grows trees, what rarity is counted by."""
    return {"response-blender": __version__, **{name: version(name) for name in _PACKAGES}}


def since(made: Mapping[str, str]) -> str:
    """A sentence on what differs from the versions that a bundle was made with; empty if nothing does."""
    now = versions()
    other = [f"{name} {before} (here {now[name]})" for name, before in made.items() if now.get(name, before) != before]
    return f" The bundle was made with {', '.join(other)}." if other else ""
