"""Reliability curves: what was predicted, and what people said."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from blender.judging.calibration import Bin
from blender.training.probabilities import LABELS
from blender.training.report import write_picture

Curves = Mapping[tuple[str, str], tuple[Bin, ...]]
"""By set and label."""


def draw_reliability(path: Path, panels: Mapping[str, Curves]) -> None:
    """Write a PNG: a row for each label, a column for each panel, a line for each set; bars are 95 % intervals."""
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(dataset for curves in panels.values() for dataset, _ in curves))
    figure = Figure(figsize=(3.4 * len(panels), 3.4 * len(LABELS)), layout="constrained")
    axes = figure.subplots(len(LABELS), len(panels), sharex=True, sharey=True, squeeze=False)
    for row, label in enumerate(LABELS):
        for column, (title, curves) in enumerate(panels.items()):
            axis = axes[row][column]
            axis.plot([0, 1], [0, 1], color="#bbbbbb", linewidth=0.8)
            for number, name in enumerate(names):
                if curves.get((name, label)):
                    _line(axis, curves[name, label], f"C{number}", name)
            axis.grid(alpha=0.3)
            axis.set_title(f"P({label}), {title}", fontsize=9)
    for axis in axes[-1]:
        axis.set_xlabel("predicted")
    for each in axes:
        each[0].set_ylabel("observed")
    axes[0][0].legend(frameon=False, fontsize=7)
    write_picture(path, figure, dpi=100)


def _line(axis: Any, curve: tuple[Bin, ...], colour: str, name: str) -> None:
    x, y = [point.predicted for point in curve], [point.observed.value for point in curve]
    reach = [
        [point.observed.value - point.observed.low for point in curve],
        [point.observed.high - point.observed.value for point in curve],
    ]
    axis.errorbar(x, y, yerr=reach, color=colour, linewidth=1, elinewidth=0.5, marker=".", markersize=4, label=name)
