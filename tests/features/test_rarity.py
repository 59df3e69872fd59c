from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest

from blender.errors import BadInput
from blender.features.rarity import Rarity, content_words
from blender.matrix import Floats
from blender.records import Dialog, Pool

MEAN, MAX, CONTENT, UNKNOWN = range(4)


def rarity(*texts: str, locale: str = "en") -> Floats:
    return Rarity().annotate([Pool.of(Dialog.of("Hi", locale=locale), texts)])


def test_specific_words_are_rarer() -> None:
    dull, fine = rarity("I like it a lot.", "I grow hydrangeas in Normandy.")
    assert (fine[:UNKNOWN] > dull[:UNKNOWN]).all()


def test_zipf_scale_is_turned_round() -> None:
    assert rarity("dog")[0, MAX] == pytest.approx(8 - 5.10, abs=0.01)


def test_nonsense_is_unknown_not_rare() -> None:
    values = rarity("<unk> <unk> qwrtzxpl", "<unk> likes dogs")
    assert values[0, UNKNOWN] == 1
    assert np.isnan(values[0, [MEAN, MAX]]).all()
    assert values[1, UNKNOWN] == pytest.approx(1 / 3)
    assert values[1, MAX] == rarity("likes dogs")[0, MAX]


def test_content_is_a_share_of_all_words() -> None:
    assert rarity("What is the dog's name?")[0, CONTENT] == pytest.approx(2 / 5)


def test_the_scale_ends() -> None:
    assert rarity("quokka")[0, MAX] == 6


def test_russian_has_its_own_frequencies() -> None:
    dull, fine = rarity("Я не знаю.", "Моя собака боится гортензий.", locale="ru-RU")
    assert fine[MAX] > dull[MAX]
    assert fine[UNKNOWN] == dull[UNKNOWN] == 0


@pytest.mark.parametrize("locale", ["xx", "klingon", "zh", ""])
def test_language_without_frequencies_is_not_judged(locale: str) -> None:
    assert np.isnan(rarity("some words", locale=locale)).all()


def test_content_words() -> None:
    assert content_words("What is the dog's name?", "en", 6.0) == ["dog's", "name"]
    assert content_words("ein Hund", "xx", 6.0) == ["ein", "hund"]


@pytest.mark.parametrize("settings", [{"common": 0.0}, {"rarest": 9.0}, {"common": math.nan}])
def test_settings_out_of_range_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(BadInput, match="Zipf scale"):
        Rarity(**settings)


@pytest.mark.slow
def test_import_does_not_load_the_word_lists() -> None:
    code = "import sys, blender.features.rarity; sys.exit('wordfreq' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
