from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from blender.labelling.guidelines import LOCALES, guidelines

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs/labelling.md").read_text(encoding="utf-8")
VERDICT = re.compile(r"^\*\*(?:Sensible|Осмысленно) ([01]), (?:specific|конкретно) ([01])\.\*\*", re.MULTILINE)


def verdicts(locale: str) -> list[tuple[str, ...]]:
    return VERDICT.findall(guidelines(locale))


def test_both_languages_give_the_same_examples_and_verdicts() -> None:
    assert len(verdicts("en")) == len(re.findall(r"^### \d+\. ", guidelines("en"), re.MULTILINE)) >= 8
    assert verdicts("en") == verdicts("ru")


@pytest.mark.parametrize("locale", LOCALES)
def test_nothing_is_specific_without_being_sensible(locale: str) -> None:
    assert {("1", "1"), ("1", "0"), ("0", "0")} == set(verdicts(locale))


def test_other_tags_of_a_language_and_other_languages() -> None:
    assert guidelines("ru_RU") == guidelines("RU") == guidelines("ru") != guidelines("en")
    assert guidelines("de") == guidelines("en-GB") == guidelines("en")


@pytest.mark.parametrize("locale", LOCALES)
def test_the_documentation_holds_the_same_text_one_heading_deeper(locale: str) -> None:
    assert re.sub(r"^(#+) ", r"#\1 ", guidelines(locale), flags=re.MULTILINE) in DOCUMENT


def test_the_document_s_table_of_reliability_is_what_its_formula_gives() -> None:
    rows = re.findall(r"^\| (0\.\d) \| (0\.\d\d) \| (0\.\d\d) \| (0\.\d\d) \|$", DOCUMENT, re.MULTILINE)
    assert len(rows) == 3
    for alpha, *told in ([float(cell) for cell in row] for row in rows):
        assert told == [round(n * alpha / (1 + (n - 1) * alpha), 2) for n in (1, 3, 5)]


def test_every_command_and_option_the_document_names_exists() -> None:
    from blender.serving.label.command import app

    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    named = set(re.findall(r"blend label (\w+)", DOCUMENT))
    assert named >= {"make", "page", "export", "import", "status", "aggregate"}
    context = typer.Context(group)
    assert named <= set(group.list_commands(context))
    options = {
        option for name in ("make", "export", "import") for each in group.commands[name].params for option in each.opts
    }
    for line in re.findall(r"blend label (?:make|export|import).*", DOCUMENT):
        assert set(re.findall(r"--[a-z-]+", line)) <= options
