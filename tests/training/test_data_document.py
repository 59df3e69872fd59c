"""docs/data.md says of everything that reports read where it lies."""

from __future__ import annotations

from pathlib import Path

import pytest

from blender.training.prompts.generator_data import OTHER
from blender.training.proxy import others
from blender.training.safety.material import FILMS
from blender.training.safety.sets import READERS
from blender.training.tune.corpora import CORPORA

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "data.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("place", [*READERS, FILMS, OTHER, *(folder for folder, _ in CORPORA.values()), *others._DAILY])
def test_what_is_read_is_named(place: str) -> None:
    assert place in TEXT
