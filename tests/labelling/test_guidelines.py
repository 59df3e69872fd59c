from __future__ import annotations

import re

import pytest

from blender.labelling.guidelines import LOCALES, guidelines

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
