"""Chart: values with their intervals, one row a name; lines across say what to read them by."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from blender.judging.resampling import Interval
from blender.serving.report.frame import Frame, legend, line, mark, picture, shortened, text, ticks
from blender.serving.report.table import range_of, shown

WIDTH, LEFT, RIGHT = 660.0, 206.0, 640.0
STEP, GAP = 15.0, 13.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One name and its intervals, one a series; NaN is not drawn and said to be not known."""

    name: str
    values: tuple[Interval, ...]


def dots(
    name: str,
    title: str,
    rows: Sequence[Row],
    series: Sequence[str],
    *,
    lines: Mapping[str, float] | None = None,
    full: bool = True,
) -> Markup:
    """Draw shares, shown as per cent.

    Args:
        name: of the chart, unique in the page.
        title: what it shows.
        rows: from top to bottom.
        series: names of the values of each row; no legend for one.
        lines: values drawn across all rows, by what they are.
        full: whether the axis runs over 0..1; otherwise over the values.
    """
    known = [(label, value) for label, value in (lines or {}).items() if not math.isnan(value)]
    lines = dict(sorted(known, key=lambda line: -line[1]))
    top = 12.0 + (22 if len(series) > 1 else 0) + 15 * len(lines)
    depth = STEP * len(series) + GAP
    bottom = top + depth * len(rows)
    frame = Frame(
        width=WIDTH, height=bottom + 30, left=LEFT, right=RIGHT, top=top, bottom=bottom, x=_range(rows, lines, full)
    )
    parts = [legend(LEFT, 14, series)] if len(series) > 1 else []
    parts += [_axis(frame), *(_line(frame, value, at, len(lines)) for at, value in enumerate(lines.values()))]
    for at, row in enumerate(rows):
        middle = top + depth * (at + 0.5)
        parts.append(text(LEFT - 12, middle + 4, shortened(row.name), "name", "end"))
        if at:
            parts.append(line(8, top + depth * at, RIGHT, top + depth * at, "rule"))
        for which, value in enumerate(row.values):
            parts.append(_whisker(frame, value, middle + STEP * (which - (len(row.values) - 1) / 2), which))
    parts += [_name_of(frame, label, value, at, len(lines)) for at, (label, value) in enumerate(lines.items())]
    return picture(frame, name, title, _told(rows, series, lines), parts)


def _range(rows: Sequence[Row], lines: Mapping[str, float], full: bool) -> tuple[float, float]:
    if full:
        return 0.0, 1.0
    ends = [end for row in rows for v in row.values for end in (v.low, v.high) if not math.isnan(end)]
    ends += [0.0, *lines.values()]
    low, high = min(ends), max(ends)
    pad = 0.04 * max(high - low, 0.1)
    return low - pad * (low < 0), high + pad


def _axis(frame: Frame) -> Markup:
    parts = []
    for tick in ticks(*frame.x):
        at = frame.across(tick)
        parts.append(line(at, frame.top, at, frame.bottom, "zero" if tick == 0 else "grid"))
        parts.append(text(at, frame.bottom + 18, f"{shown(tick, 'share').removesuffix('.0')} %", "tick", "middle"))
    return Markup("").join(parts)


def _line(frame: Frame, value: float, at: int, count: int) -> Markup:
    """A line through all rows; it begins beside its name above the box."""
    x = frame.across(value)
    return line(x, frame.top - 15 * (count - at) - 4, x, frame.bottom, f"line l{at % 3}")


def _name_of(frame: Frame, label: str, value: float, at: int, count: int) -> Markup:
    """The name of a line, to its left in a row of its own; the highest comes first, so that no line crosses a name."""
    y = frame.top - 15 * (count - at) + 4
    return text(frame.across(value) - 6, y, f"{label} {shown(value, 'share')} %", "label", "end")


def _whisker(frame: Frame, value: Interval, y: float, series: int) -> Markup:
    if math.isnan(value.value):
        return text(frame.left + 6, y + 4, "not known", "muted")
    drawn = Markup("")
    if not math.isnan(value.low):
        drawn += line(frame.across(value.low), y, frame.across(value.high), y, f"whisker s{series % 3}")
    return drawn + mark(frame.across(value.value), y, series)


def _told(rows: Sequence[Row], series: Sequence[str], lines: Mapping[str, float]) -> str:
    """The chart in words."""
    said = []
    for row in rows:
        values = ", ".join(
            f"{label} {shown(v.value, 'share') + ' %' if shown(v.value, 'share') else 'not known'}"
            + (f" ({range_of(v, 'share')})" if range_of(v, "share") else "")
            for label, v in zip(series, row.values, strict=True)
        )
        said.append(f"{row.name}: {values}.")
    said += [f"{label}: {shown(value, 'share')} %." for label, value in lines.items()]
    return " ".join(said)
