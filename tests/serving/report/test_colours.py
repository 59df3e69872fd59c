"""Contrast worked out from the style sheet itself (WCAG 2.2, success criteria 1.4.3 and 1.4.11)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import blender.serving.report

STYLE = (Path(blender.serving.report.__file__).parent / "templates" / "style.css").read_text()
PALETTES = [
    dict(re.findall(r"--([\w]+): (#[0-9a-f]{6});", block)) for block in re.findall(r":root \{(.*?)\}", STYLE, re.S)
]


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_formula_is_the_one_of_the_guidelines() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_there_are_colours_for_light_dark_and_paper() -> None:
    assert len(PALETTES) == 3 and len({frozenset(palette) for palette in PALETTES}) == 1


@pytest.mark.parametrize("palette", PALETTES)
@pytest.mark.parametrize("ground", ["paper", "soft", "mark"])
@pytest.mark.parametrize("text", ["ink", "muted", "link", "s1"])
def test_text_stands_out(palette: dict[str, str], ground: str, text: str) -> None:
    assert contrast(palette[text], palette[ground]) >= 4.5


@pytest.mark.parametrize("palette", PALETTES)
@pytest.mark.parametrize("sign", ["s0", "s1", "s2", "strong"])
def test_signs_of_charts_stand_out(palette: dict[str, str], sign: str) -> None:
    assert contrast(palette[sign], palette["paper"]) >= 3


def test_no_colour_stands_outside_the_palettes() -> None:
    outside = re.sub(r":root \{.*?\}", "", STYLE, flags=re.S)
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b(?!-)(?=[;\s])", outside) == []
