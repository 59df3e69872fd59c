from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def modules() -> set[str]:
    """Every module the folders hold, by its path in a wheel."""
    found = {
        path.relative_to(ROOT)
        for top in ("blender", "features", "training", "serving")
        for path in (ROOT / top).rglob("*.py")
        if not any(parent.is_symlink() for parent in path.parents)
    }
    return {str(path if path.parts[0] == "blender" else "blender" / path) for path in found}


def folders() -> set[str]:
    """Every package the folders hold, by its import name."""
    return {str(Path(path).parent).replace("/", ".") for path in modules() if path.endswith("__init__.py")}


def test_the_list_of_packages_is_the_folders() -> None:
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == folders()


def test_import_is_quick_and_loads_no_model_library() -> None:
    code = (
        "import sys, time; begun = time.perf_counter(); import blender; "
        "from blender import Candidate, Dialog, Pool, Turn; took = time.perf_counter() - begun; "
        "heavy = {'torch', 'transformers', 'faiss', 'lightgbm', 'sklearn', 'onnxruntime'} & set(sys.modules); "
        "assert not heavy, heavy; print(took)"
    )
    best = min(
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
        for _ in range(3)
    )
    assert best < 0.3


@pytest.mark.slow
def test_the_wheel_holds_every_module_and_the_default_bundle(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for module in modules():
        assert module in names
    assert {"blender/py.typed", "blender/presets/default.toml", "blender/bundles/default/bundle.json"} <= names
    assert not any(name.split("/")[0] in ("features", "training", "serving", "tests") for name in names)
