"""What all charts share: a box with scales, safe text, and SVG elements that are readable without seeing them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

SHAPES = ("circle", "square", "diamond")  # series differ by shape as well as by colour


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The inner box of a chart, in units of the SVG, and the data range of its axes.

    Attributes:
        width: of the whole picture.
        height: of the whole picture.
        left: of the box.
        right: of the box.
        top: of the box.
        bottom: of the box.
        x: lowest and highest value across.
        y: lowest and highest value upwards.
    """

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float
    x: tuple[float, float]
    y: tuple[float, float] = (0.0, 1.0)

    def across(self, value: float) -> float:
        """Where a value lies, clipped to the box."""
        low, high = self.x
        return self.left + (self.right - self.left) * _share(value, low, high)

    def up(self, value: float) -> float:
        """The same upwards."""
        low, high = self.y
        return self.bottom - (self.bottom - self.top) * _share(value, low, high)


def _share(value: float, low: float, high: float) -> float:
    """Of the range that lies below a value, 0 to 1; half where there is no range, as of a single value."""
    return float(np.clip((value - low) / (high - low), 0, 1)) if high > low else 0.5


def element(name: str, body: object = "", **attributes: object) -> Markup:
    """One SVG element; ``class_`` and ``stroke_width`` are spelt as Python has them."""
    spelt = Markup(" ").join(
        Markup('{}="{}"').format(key.strip("_").replace("_", "-"), _rounded(value))
        for key, value in attributes.items()
        if value is not None
    )
    return Markup("<{0} {1}>{2}</{0}>").format(Markup(name), spelt, body)  # noqa: S704 - names are ours


def text(x: float, y: float, words: str, class_: str = "", anchor: str = "start") -> Markup:
    """Words at a place."""
    return element("text", words, x=x, y=y, class_=class_ or None, text_anchor=anchor)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """A straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def mark(x: float, y: float, series: int, size: float = 4.5) -> Markup:
    """The sign of a series: its own shape and colour."""
    shape, kind = SHAPES[series % len(SHAPES)], f"mark s{series % len(SHAPES)}"
    if shape == "circle":
        return element("circle", cx=x, cy=y, r=size, class_=kind)
    if shape == "square":
        return element("rect", x=x - size, y=y - size, width=2 * size, height=2 * size, class_=kind)
    reach = 1.35 * size
    points = f"{x:.1f},{y - reach:.1f} {x + reach:.1f},{y:.1f} {x:.1f},{y + reach:.1f} {x - reach:.1f},{y:.1f}"
    return element("polygon", points=points, class_=kind)


def legend(x: float, y: float, names: Sequence[str]) -> Markup:
    """Signs and names side by side."""
    parts, at = [], x
    for series, name in enumerate(names):
        parts += [mark(at + 5, y - 4, series), text(at + 15, y, name)]
        at += 34 + 7 * len(name)
    return Markup("").join(parts)


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round values in a range, at most so many."""
    span = high - low
    if span <= 0:
        return [low]
    raw = span / most
    unit = 10.0 ** np.floor(np.log10(raw))
    step = float(next(unit * m for m in (1, 2, 2.5, 5, 10) if unit * m >= raw - 1e-12))
    first = int(np.ceil(low / step - 1e-9))
    return [round(at * step, 10) for at in range(first, int(np.floor(high / step + 1e-9)) + 1)]


def picture(frame: Frame, name: str, title: str, description: str, parts: Iterable[Markup]) -> Markup:
    """The SVG, named and described for those who do not see it."""
    head = element("title", title, id=f"{name}-title") + element("desc", description, id=f"{name}-desc")
    return element(
        "svg",
        head + Markup("").join(parts),
        viewBox=f"0 0 {frame.width:g} {frame.height:g}",
        class_="chart",
        role="img",
        aria_labelledby=f"{name}-title {name}-desc",
    )


def shortened(name: str, most: int = 25) -> str:
    """A name that fits beside a chart; the table below has it in full."""
    return name if len(name) <= most else name[: most - 1] + "…"


def _rounded(value: object) -> object:
    return f"{value:.1f}".rstrip("0").rstrip(".") if isinstance(value, float) else value
