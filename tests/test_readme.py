"""Every Python example of the README runs, and prints what the comments beneath it say."""

from __future__ import annotations

import contextlib
import io
import re
import tomllib
from pathlib import Path

import pytest

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.slow
def test_python_examples_print_what_they_say() -> None:
    names: dict[str, object] = {}
    assert len(blocks("python")) == 2
    for block in blocks("python"):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(block, names)  # noqa: S102 - our own README
        expected = re.search(r"((?:^# .*\n)+)\Z", block, flags=re.MULTILINE)
        assert expected, f"no output stands beneath:\n{block}"
        assert printed.getvalue() == expected.group(1).replace("# ", "", 1).replace("\n# ", "\n")


def test_the_settings_example_can_be_assembled() -> None:
    from blender.guards import GUARDS
    from blender.settings import Settings
    from blender.sources import SOURCES

    (block,) = blocks("toml")
    settings = Settings.of(tomllib.loads(block))
    for name, given in settings.sources.items():
        rest = {key: value for key, value in given.items() if key not in ("use", "k")}
        assert SOURCES.build(str(given.get("use", name)), rest)
    for name, given in settings.guards.items():
        assert GUARDS.build(name, given)


def test_every_command_the_readme_names_exists() -> None:
    from blender.serving.cli import COMMANDS

    named = set(re.findall(r"^ {4}blend (\w+)", README, flags=re.MULTILINE))
    assert named
    assert named <= set(COMMANDS)
