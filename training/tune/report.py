"""The report on tuning: the part ``tune`` of ``docs/retriever.md`` and ``benchmarks/retriever.json``.

    python -m blender.training.tune.report DATA

``DATA`` is laid out as docs/data.md says. What was trained or measured once is kept in the cache folder, so a killed
run goes on.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from blender.training.options import Project
from blender.training.report import write_part
from blender.training.script import run
from blender.training.tune.comparing import UNTUNED, examples, human_heads, outcomes, recalls, trained
from blender.training.tune.figure import draw_curves
from blender.training.tune.human import correlations, head_room
from blender.training.tune.material import TRAIN_CONTEXTS, Material
from blender.training.tune.runs import MAIN, SEEDS
from blender.training.tune.tables import (
    correlation_lines,
    example_lines,
    head_room_lines,
    outcome_lines,
    recall_lines,
    verdict_lines,
)
from blender.training.tune.ways import K

COMMAND = "python -m blender.training.tune.report DATA"
console = Console(stderr=True)


def main(
    data: Annotated[Path, typer.Argument(help="Folder of the data, laid out as docs/data.md says.")],
    out: Project = Path(),
    encoder: Annotated[
        Path | None, typer.Option(help="Encoder that `blend tune --encoder full` made, to be compared too.")
    ] = None,
) -> None:
    """Train every way of tuning, compare them, and write the report."""
    began = time.process_time()
    material = Material(data=data)
    related = correlations(data, material.paying, material.judging)
    console.print("\n".join(correlation_lines(related)))
    runs = trained(material, console.print)
    recalled = recalls(material, runs, encoder)
    found, answered = outcomes(material, runs)
    ordered = head_room(data, human_heads(runs, material.untuned), material.embedding)
    shown = examples(material, answered)
    draw_curves(
        out / "docs" / "tuning.png",
        {interest: {method: runs[f"{method}, {interest}"] for method in ("ppo", "exact")} for interest in MAIN},
    )
    values = {
        "command": COMMAND,
        "seeds": list(SEEDS),
        "contexts": {"train": TRAIN_CONTEXTS, "test": len(answered[UNTUNED].texts), "k": K},
        "phrases": len(material.base),
        "sets of the reward": material.paying.sets,
        "sets of the judge": material.judging.sets,
        "correlation with human specificity": related,
        "recall": recalled,
        "ways": found,
        "head-room": ordered,
        "examples": shown,
        "cpu seconds of this run": time.process_time() - began,
    }
    write_part(out, "tune", values, _lines(values))


def _lines(values: dict[str, Any]) -> list[str]:
    bars = [f"{method}, {interest}" for interest in MAIN for method in ("ppo", "exact", "ranker")]
    equal = [
        f"{name}: {one['specific'][0]:.3f} against {one['query time at equal relevance']:.3f}"
        for name, one in ((name, values["ways"][name]) for name in bars)
    ]
    return [
        f"Made by `{values['command']}`; policies with seeds {', '.join(map(str, values['seeds']))}.",
        "",
        "Spearman's correlation of each interest with human specificity (95 % bootstrap over contexts):",
        "",
        *correlation_lines(values["correlation with human specificity"]),
        "",
        "Recall of the true reply among up to 1,000 replies:",
        "",
        *recall_lines(values["recall"]),
        "",
        f"Top answers on {values['contexts']['test']} held-out contexts out of {values['phrases']:,} phrases, against "
        "the untuned retriever on the same contexts, in percent (points for P(sensible)):",
        "",
        *outcome_lines(values["ways"]),
        "",
        *verdict_lines(values["ways"], bars),
        "",
        "P(specific) against `cosine + weight x interest` at query time, at equal cosine of context and answer: "
        + "; ".join(equal)
        + ".",
        "",
        "Head-room recovered on human-labelled pools of machine answers, ordered by the cosine alone, in percent:",
        "",
        *head_room_lines(values["head-room"]),
        "",
        "![Reward curves; below them what the judge says](tuning.png)",
        "",
        "Where the reward `perplexity` without a gate fetches what the judge finds least sensible:",
        "",
        *example_lines(values["examples"]),
    ]


if __name__ == "__main__":
    run(main)
