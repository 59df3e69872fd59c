"""docs/settings.md names every setting there is, and the defaults that it states are those of the code."""

from __future__ import annotations

import re
import tomllib
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import msgspec
import pytest

from blender.baselines import RANKERS
from blender.catalogue import Catalogue, annotator_catalogue
from blender.guards import GUARDS
from blender.settings import Settings
from blender.sources import SOURCES

TEXT = (Path(__file__).resolve().parents[1] / "docs" / "settings.md").read_text(encoding="utf-8")
SECTIONS = {"source": "sources.NAME", "guard": "guards.NAME", "annotator": "annotators.NAME", "ranker": "ranker"}
# As the row says: a generator's, and those that only a bundle gives.
NOT_REPEATED = {"grounded": {item.name for item in fields(SOURCES.find("generator"))} - {"temperature"}}
GIVEN_BY_BUNDLE = {"learned": {item.name for item in fields(RANKERS.find("learned"))}}


def rows(section: str) -> dict[str, str]:
    """The rest of its row by each name in a first cell."""
    lines = [line for line in section.partition("|---|")[2].splitlines() if line.startswith("| `")]
    split = [line.split("|", 2)[1:] for line in lines]
    return {name: rest for first, rest in split for name in re.findall(r"`(\w+)`", first)}


def stated(row: str) -> dict[str, Any]:
    """What stands in a row as ``name = value``."""
    return tomllib.loads("\n".join(re.findall(r"`(\w+ = [^`]+)`", row)))


def defaults(plugin: Any) -> dict[str, Any]:
    """The defaults of its fields as plain values."""
    made = {
        item.name: item.default_factory() if item.default_factory is not MISSING else item.default
        for item in fields(plugin)
    }
    return {
        name: value if value is MISSING else msgspec.json.decode(msgspec.json.encode(value))
        for name, value in made.items()
    }


@pytest.mark.parametrize("catalogue", [SOURCES, GUARDS, RANKERS, annotator_catalogue()], ids=lambda each: each.role)
def test_every_part_and_its_settings_are_named(catalogue: Catalogue) -> None:
    found = rows(TEXT.partition(f"\n## `[{SECTIONS[catalogue.role]}]`")[2].partition("\n## ")[0])
    assert found.keys() == set(catalogue)
    for name, row in found.items():
        known = defaults(catalogue.find(name))
        left_out = NOT_REPEATED.get(name, set()) | GIVEN_BY_BUNDLE.get(name, set())
        lacking = {setting for setting in known if not re.search(rf"`{setting}\b", row)} - left_out
        assert not lacking, f"{name} has settings that its row does not name"
        wrong = {key: value for key, value in stated(row).items() if known.get(key, value) != value}
        assert not wrong, f"{name} has other defaults"


def test_every_key_of_a_file_is_named() -> None:
    found, known = rows(TEXT.partition("\n## ")[0]), defaults(Settings)
    assert found.keys() == known.keys()
    for name, row in found.items():
        said = row.split("|")[0].strip(" `")
        if isinstance(known[name], str | float | int):
            assert tomllib.loads(f"it = {said}")["it"] == known[name], name
