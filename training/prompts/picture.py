"""A picture of what retrieved prompts change, cluster by cluster."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from blender.training.prompts.evaluate import ClusterResult, Key
from blender.training.prompts.summary import BARE, compare
from blender.training.report import write_picture

_DRAWN: tuple[tuple[Key, str, str], ...] = (
    (("random", 1), "random", "0.6"),
    (("untuned", 1), "untuned", "tab:blue"),
    (("tuned", 1), "tuned", "tab:red"),
)


def draw_gains(results: Sequence[ClusterResult], path: Path) -> None:
    """Draw differences to zero-shot on the same rows, with 95 % intervals, into a PNG."""
    from matplotlib.figure import Figure

    values = (("measure", 100.0, "measure, points"), ("likelihood", 1.0, "log-likelihood of gold, nats a token"))
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for axis, (value, factor, title) in zip(axes, values, strict=True):
        for shift, (key, label, colour) in enumerate(_DRAWN):
            found = compare(results, key, BARE, value)
            spans = [*found.clusters.values(), found.mean]
            middle = [factor * each.value for each in spans]
            ends = [
                [factor * (each.value - each.low) for each in spans],
                [factor * (each.high - each.value) for each in spans],
            ]
            places = [at + (1 - shift) * 0.25 for at in range(len(spans), 0, -1)]
            axis.errorbar(middle, places, xerr=ends, fmt="o", ms=3, lw=1, color=colour, label=label)
        axis.axvline(0, color="black", lw=0.6)
        axis.set_xlabel(f"{title}, less zero-shot")
    names = [*(name.replace("_", " ") for name in compare(results, BARE).clusters), "mean"]
    axes[0].set_yticks(range(len(names), 0, -1), names)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(_DRAWN), frameon=False)
    write_picture(path, figure, dpi=100)
