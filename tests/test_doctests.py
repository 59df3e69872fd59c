"""Every example in every docstring runs."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import blender

MODULES = sorted(module.name for module in pkgutil.walk_packages(blender.__path__, "blender."))


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples() -> None:
    finder = doctest.DocTestFinder()
    assert sum(len(found.examples) for name in MODULES for found in finder.find(importlib.import_module(name))) > 10
