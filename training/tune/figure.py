"""Reward curves with seeds as bands, and beside them what the judge says of the same policies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from blender.training.report import write_picture
from blender.training.tune.runs import Done

COLOURS = {"ppo": "#1f77b4", "exact": "#d62728"}


def draw_curves(path: Path, runs: Mapping[str, Mapping[str, Sequence[Done]]]) -> None:
    """Write a PNG.

    Args:
        path: of the picture; written aside and renamed.
        runs: by interest, then method, the seeds' trainings.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2 * len(runs), 8.4), layout="constrained")
    axes = figure.subplots(3, len(runs), sharex=True, squeeze=False)
    for column, (interest, methods) in enumerate(runs.items()):
        axes[0][column].set_title(f"interest: {interest}")
        for method, seeds in methods.items():
            colour = COLOURS.get(method, "#555555")
            rounds = np.array([each["number"] for each in seeds[0].curve])
            _band(axes[0][column], rounds, [[each["reward"] for each in one.curve] for one in seeds], colour, method)
            looks = np.array([one.looks for one in seeds])
            _band(axes[1][column], looks[0, :, 0], looks[:, :, 1], colour, method)
            _band(axes[2][column], looks[0, :, 0], looks[:, :, 2], colour, method)
        axes[2][column].set_xlabel("round")
    for row, name in enumerate(("reward", "judge: P(specific)", "judge: P(sensible)")):
        axes[row][0].set_ylabel(name)
        for each in axes[row]:
            each.grid(alpha=0.3)
    axes[0][0].legend(frameon=False)
    write_picture(path, figure, dpi=110)


def _band(axis: Any, x: Any, values: Any, colour: str, label: str) -> None:
    given = np.asarray(values, dtype=np.float64)
    axis.plot(x, given.mean(0), color=colour, label=f"{label} ({len(given)} seed{'s' * (len(given) > 1)})")
    axis.fill_between(x, given.min(0), given.max(0), color=colour, alpha=0.2, linewidth=0)
