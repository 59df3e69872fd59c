"""Chart: mean labels of groups of answers against a probability or a length, with their intervals."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from blender.judging.calibration import Bin
from blender.serving.report.frame import Frame, element, line, mark, picture, text, ticks
from blender.serving.report.table import range_of, shown

WIDTH, HEIGHT = 360.0, 300.0


def reliability_curve(name: str, title: str, points: Sequence[Bin]) -> Markup:
    """Probability across, human label upwards; a calibrated head follows the dashed diagonal."""
    frame = _frame((0.0, 1.0))
    diagonal = line(frame.across(0), frame.up(0), frame.across(1), frame.up(1), "line l0")
    told = " ".join(
        f"Predicted {shown(p.predicted, 'share')} %, labelled {shown(p.observed.value, 'share')} % "
        f"({range_of(p.observed, 'share')})."
        for p in points
    )
    parts = [_axes(frame, "predicted probability", "human labels", percent=True), diagonal, *_points(frame, points)]
    return picture(frame, name, title, told, parts)


def length_curve(name: str, title: str, points: Sequence[Bin]) -> Markup:
    """Length across, mean label upwards."""
    frame = _frame((0.0, max(point.predicted for point in points) * 1.05))
    told = " ".join(
        f"About {p.predicted:.0f} characters: {shown(p.observed.value, 'share')} % ({range_of(p.observed, 'share')})."
        for p in points
    )
    parts = [_axes(frame, "characters of the answer", "specific", percent=False), *_points(frame, points)]
    return picture(frame, name, title, told, parts)


def _frame(x: tuple[float, float]) -> Frame:
    return Frame(width=WIDTH, height=HEIGHT, left=46, right=WIDTH - 12, top=26, bottom=HEIGHT - 44, x=x)


def _axes(frame: Frame, across: str, upwards: str, *, percent: bool) -> Markup:
    parts = [text(4, 14, f"{upwards}, %", "muted")]
    for tick in ticks(*frame.y, most=5):
        parts.append(line(frame.left, frame.up(tick), frame.right, frame.up(tick), "grid" if tick else "zero"))
        parts.append(text(frame.left - 6, frame.up(tick) + 4, f"{100 * tick:.0f}", "tick", "end"))
    for tick in ticks(*frame.x, most=5):
        label = f"{100 * tick:.0f}" if percent else f"{tick:.0f}"
        parts.append(text(frame.across(tick), frame.bottom + 17, label, "tick", "middle"))
    middle = (frame.left + frame.right) / 2
    parts.append(text(middle, frame.height - 6, across + (", %" if percent else ""), "muted", "middle"))
    return Markup("").join(parts)


def _points(frame: Frame, points: Sequence[Bin]) -> list[Markup]:
    places = [(frame.across(p.predicted), frame.up(p.observed.value)) for p in points]
    path = element("polyline", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in places), class_="path")
    whiskers = [
        line(x, frame.up(p.observed.low), x, frame.up(p.observed.high), "whisker s0")
        for (x, _), p in zip(places, points, strict=True)
    ]
    return [path, *whiskers, *(mark(x, y, 0, 4) for x, y in places)]
