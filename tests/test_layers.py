"""Imports run one way: the core below, features on it, training and serving on both but not on each other."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("blender", "features", "training", "serving")
ALLOWED = {
    "blender": {"blender"},
    "features": {"blender", "features"},
    "training": {"blender", "features", "training"},
    "serving": {"blender", "features", "serving"},
}


def files() -> list[Path]:
    return [
        path
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
        if not any(parent.is_symlink() for parent in path.parents)
    ]


def imported(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


def layer(module: str) -> str:
    second = module.split(".")[1] if module.startswith("blender.") else ""
    return second if second in FOLDERS else "blender"


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_upward_import(path: Path) -> None:
    own = path.relative_to(ROOT).parts[0]
    for module in imported(path):
        top = module.split(".")[0]
        assert top not in FOLDERS[1:], f"{module}: say blender.{module}"
        if top == "blender":
            assert layer(module) in ALLOWED[own], f"{own} must not import {module}"
