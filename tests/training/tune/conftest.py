"""A small base whose phrases are about things."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from blender.index.base import PhraseBase
from blender.index.build import build_base
from blender.index.corpus import Phrase
from blender.index.settings import BaseSettings

THINGS = ("boat", "river", "tea", "hill", "lamp", "walk", "song", "paper", "winter", "clock", "bread", "garden")


def reply(at: int) -> str:
    """A phrase of 5 to 9 words."""
    return " ".join(["Well, the", THINGS[at % 12], *["really"] * (at % 5), f"is {THINGS[at * 7 % 11]} {at}."])


@pytest.fixture
def make_base(tmp_path: Path, encoder: Any) -> Callable[..., PhraseBase]:
    def make(phrases: int = 60, locales: Sequence[str] = ()) -> PhraseBase:
        made = [
            Phrase(
                context=f"Tell me of the {THINGS[at % 12]} number {at}, please.",
                reply=reply(at),
                columns={"locale": locales[at % len(locales)]} if locales else {},
            )
            for at in range(phrases)
        ]
        settings = BaseSettings(stored=(), collapse_above=1.0)
        return PhraseBase.open(build_base(made, tmp_path / "base", settings, encoder=encoder).folder, encoder=encoder)

    return make
