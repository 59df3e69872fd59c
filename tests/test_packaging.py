from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import tomllib
import venv
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
    """By the processor's time: what else the machine does is no matter."""
    code = (
        "import sys, time; begun = time.process_time(); import blender; "
        "from blender import Candidate, Dialog, Pool, Turn; took = time.process_time() - begun; "
        "heavy = {'torch', 'transformers', 'faiss', 'lightgbm', 'sklearn', 'onnxruntime'} & set(sys.modules); "
        "assert not heavy, heavy; print(took)"
    )
    best = min(
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
        for _ in range(3)
    )
    assert best < 0.3


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (made,) = out.glob("*.whl")
    return made


@pytest.mark.slow
def test_the_wheel_holds_every_module_and_the_default_bundle(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for module in modules():
        assert module in names
    assert {"blender/py.typed", "blender/presets/default.toml", "blender/bundles/default/bundle.json"} <= names
    assert {f"blender/labelling/guidelines/{locale}.md" for locale in ("en", "ru")} <= names
    assert not any(name.split("/")[0] in ("features", "training", "serving", "tests") for name in names)


@pytest.mark.slow
def test_the_wheel_chooses_outside_the_checkout(wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)  # it may name the checkout
    venv.create(tmp_path / "env")
    python = tmp_path / "env/bin/python"
    pip = [sys.executable, "-m", "pip", "--quiet", "--python", str(python)]
    subprocess.run([*pip, "install", "--no-deps", str(wheel)], check=True, capture_output=True)
    # The packages it needs are those of this environment; a plain path does not bring the checkout along.
    (installed,) = (tmp_path / "env").glob("lib/python*/site-packages")
    (installed / "needed.pth").write_text(sysconfig.get_path("purelib"))
    pool = {"context": ["I lost my job yesterday."], "candidates": ["ok", "I am so sorry. What happened?"]}
    (tmp_path / "pools.jsonl").write_text(json.dumps(pool))
    where = subprocess.run(
        [str(python), "-c", "import blender; print(blender.__file__)"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(where.stdout.strip()).is_relative_to(tmp_path)
    blend = [str(tmp_path / "env/bin/blend"), "choose", "pools.jsonl"]
    chosen = subprocess.run(blend, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert json.loads(chosen.stdout)["text"] == "I am so sorry. What happened?"
