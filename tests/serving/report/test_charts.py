from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from blender.judging.calibration import Bin
from blender.judging.resampling import Interval
from blender.serving.report.curve_chart import length_curve, reliability_curve
from blender.serving.report.dots import Row, dots
from blender.serving.report.frame import ticks

NAN = float("nan")
EVIL = "<script>alert(1)</script>&\"'"


def interval(value: float, reach: float = 0.1) -> Interval:
    return Interval(value=value, low=value - reach, high=value + reach)


def places(svg: str, tag: str, name: str) -> list[float]:
    return [float(each.attrib[name]) for each in ET.fromstring(svg).iter(tag)]  # noqa: S314 - our own SVG


def test_dots_stand_where_the_values_are() -> None:
    svg = dots("c", "t", [Row(name="a", values=(interval(0.25),)), Row(name="b", values=(interval(0.75),))], ("SSA",))
    low, high = places(svg, "circle", "cx")
    left, right = (float(each) for each in (206, 640))
    assert low == pytest.approx(left + 0.25 * (right - left), abs=0.1)
    assert high == pytest.approx(left + 0.75 * (right - left), abs=0.1)


def test_series_differ_by_shape_not_by_colour_alone() -> None:
    row = Row(name="a", values=(interval(0.5), interval(0.6), interval(0.7)))
    svg = dots("c", "t", [row], ("SSA", "sensible", "specific"))
    root = ET.fromstring(svg)  # noqa: S314
    assert all(len(list(root.iter(tag))) == 2 for tag in ("circle", "rect", "polygon"))  # in the legend and in the row


def test_what_is_not_known_is_written_not_drawn_at_zero() -> None:
    svg = dots("c", "t", [Row(name="a", values=(Interval(value=NAN, low=NAN, high=NAN),))], ("SSA",))
    assert "not known" in svg and not places(svg, "circle", "cx")
    assert "a: SSA not known." in svg


def test_words_of_others_stay_words() -> None:
    svg = dots(EVIL[:8], EVIL, [Row(name=EVIL, values=(interval(0.5),))], (EVIL,), lines={EVIL: 0.5})
    assert "<script" not in svg and "&lt;script" in svg
    ET.fromstring(svg)  # noqa: S314 - well formed


def test_lines_without_a_value_are_left_out() -> None:
    svg = dots("c", "t", [Row(name="a", values=(interval(0.5),))], ("x",), lines={"known": 0.3, "unknown": NAN})
    assert "known 30.0 %" in svg and "unknown" not in svg


def test_curves_say_in_words_what_they_draw() -> None:
    points = [Bin(predicted=0.2, observed=interval(0.3), rows=20), Bin(predicted=0.8, observed=interval(0.7), rows=20)]
    assert "Predicted 20.0 %, labelled 30.0 % (20.0 to 40.0)." in reliability_curve("c", "t", points)
    assert "About 0 characters: 30.0 %" in length_curve("c", "t", points)
    ys = places(reliability_curve("c", "t", points), "circle", "cy")
    assert ys[0] > ys[1], "higher labels stand higher"


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-1.03, 0.97), (0, 137), (2.1, 2.6), (5, 5)])
def test_ticks_are_round_few_and_inside(low: float, high: float) -> None:
    found = ticks(low, high)
    assert 1 <= len(found) <= 7
    assert all(low - 1e-9 <= tick <= high + 1e-9 for tick in found)
