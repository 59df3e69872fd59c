"""The frontier as a picture: how well each way follows the language model, by phrases judged in a second."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from blender.training.report import write_picture


def draw_frontier(path: Path, points: Mapping[str, tuple[float, float, float]], bars: Mapping[str, float]) -> None:
    """Write a PNG.

    Args:
        path: of the file.
        points: rows per CPU second, Spearman in domain, Spearman on an unseen corpus, by name.
        bars: horizontal lines by name.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.2), dpi=90)
    axes = figure.subplots()
    fastest = max(speed for speed, _, _ in points.values())
    for at, (name, (speed, inside, outside)) in enumerate(points.items()):
        axes.plot([speed, speed], [inside, outside], color="#bbbbbb", zorder=1)
        axes.scatter([speed], [inside], color="#1f4e79", zorder=2)
        axes.scatter([speed], [outside], color="white", edgecolor="#1f4e79", zorder=2)
        side = -6 if speed == fastest else 6  # the last label would leave the picture
        axes.annotate(
            name,
            (speed, inside),
            xytext=(side, 5 - 15 * (at % 2)),  # neighbours above one another
            textcoords="offset points",
            ha="right" if side < 0 else "left",
            fontsize=8,
        )
    for name, height in bars.items():
        axes.axhline(height, color="#c0392b", linewidth=0.8, linestyle="--")
        axes.annotate(name, (0.01, height), xycoords=("axes fraction", "data"), va="bottom", fontsize=7)
    axes.set_xscale("log")
    axes.set_xlabel("phrases per CPU second")
    axes.set_ylabel("Spearman with the language model")
    axes.set_title("filled: held-out conversations; hollow: a corpus never seen", fontsize=9)
    axes.margins(x=0.12)
    figure.tight_layout()
    write_picture(path, figure, dpi=90)
