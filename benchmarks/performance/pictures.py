"""The pictures of ``docs/performance.md``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from blender.training.report import write_picture

Values = Mapping[str, Any]


def _saved(figure: Figure, path: Path) -> None:
    figure.tight_layout()
    write_picture(path, figure, dpi=110)


def frontier(judged: Values, timed: Values, path: Path) -> None:
    """Head-room against milliseconds, one point a set of annotators; the best for their time are joined."""
    there = [name for name in judged.get("sets", {}) if name in timed.get("sets", {})]
    if not there:
        return
    sets = sorted(there, key=lambda name: timed["sets"][name]["median ms"])
    figure = Figure(figsize=(10, 5))
    axes = figure.subplots()
    points = []
    for number, name in enumerate(sets, 1):  # names beside points that are so close could not be told apart
        spent = timed["sets"][name]["median ms"]
        room = judged["sets"][name]["recovered, mean of counted"]
        low, high = (100 * abs(room[end] - room["value"]) for end in ("low", "high"))
        axes.errorbar(spent, 100 * room["value"], yerr=[[low], [high]], fmt="o", color="tab:blue", alpha=0.8, capsize=2)
        points.append((spent, 100 * room["value"]))
        axes.annotate(str(number), points[-1], (4, 3), textcoords="offset points", fontsize=9)
    names = "\n".join(f"{number}  {name}" for number, name in enumerate(sets, 1))
    axes.text(1.02, 0.98, names, transform=axes.transAxes, va="top", fontsize=9, linespacing=1.5)
    best = [point for point in points if point[1] >= max(room for spent, room in points if spent <= point[0])]
    axes.plot(*zip(*best, strict=True), color="tab:blue", linewidth=1, alpha=0.5)
    axes.set(
        xscale="log",
        xlabel="milliseconds to annotate a pool of 32",
        ylabel="head-room recovered, %, one family left out",
        title="What each set of annotators costs and brings",
    )
    axes.grid(alpha=0.3, which="both")
    _saved(figure, path)


def roofline(values: Values, path: Path) -> None:
    """Operations a second against operations per byte: scoring, and what the products alone reach."""
    found = values.get("throughput") or {}
    if not found.get("points"):
        return
    figure = Figure(figsize=(8, 5))
    axes = figure.subplots()
    for precision, colour in (("bfloat16", "tab:blue"), ("float32", "tab:orange")):
        points = [point for point in found["points"] if point["precision"] == precision]
        across = [point["FLOP per byte"] for point in points]
        limit = [point["limit GFLOP/s, median"] for point in points]
        ours = [point["ours GFLOP/s, median"] for point in points]
        axes.plot(across, limit, "--", color=colour, label=f"matrix products alone, {precision}")
        axes.plot(across, ours, "o-", color=colour, label=f"scoring, {precision}")
        for point, x, y in zip(points, across, ours, strict=True):
            axes.annotate(str(point["tokens"]), (x, y), xytext=(4, -10), textcoords="offset points", fontsize=8)
        axes.axhline(max(limit), color=colour, linewidth=0.5)
    across = [point["FLOP per byte"] for point in found["points"]]
    ends = [min(across) / 8, max(across)]
    axes.plot(ends, [x * found["memory GB/s"] for x in ends], color="grey", label="memory bandwidth")
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="operations per byte moved at least (numbers: tokens of the pass)",
        ylabel="GFLOP/s, work that counts",
        title="Scoring by the language model beside the machine's limits",
    )
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3, which="both")
    _saved(figure, path)


def growth(choose: Values, model: Values, retrieval: Values, path: Path) -> None:
    """Cost against pool size, context length and size of the base."""
    figure = Figure(figsize=(14, 4.3))
    pools, contexts, bases = figure.subplots(1, 3)
    by_size = choose.get("candidates, fast") or {}
    _line(pools, {int(size): one["median ms"] for size, one in by_size.items()}, "choose, fast preset")
    grown = model.get("growth") or {}
    for name, axes in (("candidates, one context", pools), ("tokens of the context, 32 candidates", contexts)):
        _line(axes, {one["size"]: one["median ms"] for one in grown.get(name, [])}, "conditional perplexity")
    for side in ("contexts", "replies"):
        sizes = {
            int(name.split()[-1]): one["single"]["median ms"]
            for name, one in (retrieval.get("sizes") or {}).items()
            if name.startswith(side)
        }
        _line(bases, dict(sorted(sizes.items())), f"one query, {side}")
    for axes, what in ((pools, "candidates"), (contexts, "tokens of the context"), (bases, "phrases")):
        axes.set(xscale="log", yscale="log", xlabel=what, ylabel="milliseconds")
        axes.grid(alpha=0.3, which="both")
        if axes.lines:
            axes.legend(fontsize=8)
    _saved(figure, path)


def _line(axes: Axes, values: Mapping[int, float], label: str) -> None:
    """The measured points, and a thin line that grows as they would if cost were linear from the first on."""
    if not values:
        return
    sizes, spent = list(values), list(values.values())
    (drawn,) = axes.plot(sizes, spent, "o-", label=label)
    linear = [spent[0] * size / sizes[0] for size in sizes]
    axes.plot(sizes, linear, ":", color=drawn.get_color(), linewidth=0.8)
