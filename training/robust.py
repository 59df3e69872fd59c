"""What a choice owes to length, and what it holds out: ``docs/robustness.md`` and ``benchmarks/robustness.json``.

    python -m blender.training.robust DATA [--part NAME]

``DATA`` is laid out as `docs/data.md` says. Rankers never saw the family that they judge. The first run measures some
thirteen thousand made-up candidates (hours on a busy core, most of it the language model); later ones take them from
the cache.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console

from blender.models.cache import cache_folder
from blender.training.frontier import FAST
from blender.training.options import LabelledSets, Project, Seed, Tries
from blender.training.outer import OutOfFold, across_families
from blender.training.prepare import Prepared
from blender.training.public_sets import RULES_READ, label_files, prepare_english
from blender.training.report import write_between_markers, write_json
from blender.training.robustness.contexts import Bench, default_guards
from blender.training.robustness.measure import CROWDS, PARTS
from blender.training.script import check_names, run
from blender.training.search import settings_tried

NAME, WHAT = "robustness", "part of the report on robustness"


def robustness(
    prepared: Prepared,
    found: OutOfFold,
    out: Path,
    *,
    first: OutOfFold | None = None,
    seed: int = 0,
    parts: list[str] | None = None,
) -> dict[str, Any]:
    """Measure and write; returns what was written to ``benchmarks/robustness.json``.

    Args:
        prepared: pools, labels, features.
        found: with the ranker of each fold.
        out: project folder.
        first: with rankers that make a shortlist; ``None``: none is made.
        seed: of everything random.
        parts: names of :data:`PARTS`; default: all. The others keep the figures they have.

    Raises:
        UnknownName: a part is not known.
    """
    check_names(WHAT, parts or (), PARTS)
    bench = Bench(
        prepared=prepared,
        found=found,
        guards=default_guards(),
        cache=cache_folder() / "features",
        seed=seed,
        first=first.rankers if first else {},
    )
    path, values = out / "benchmarks" / f"{NAME}.json", dict[str, Any]()
    about = {"seed": seed, "how": found.how, "annotators": dict(prepared.fingerprints), "data": dict(prepared.data)}
    for name in parts or PARTS:
        part = PARTS[name](bench)
        # Read again each time: a part takes long, and another run may have written one meanwhile.
        values = msgspec.json.decode(path.read_bytes()) if path.exists() else {}
        values[name] = {**about, "figures": part.values}
        write_json(path, values)
        write_between_markers(out / "docs" / f"{NAME}.md", name, part.lines)
    return values


def main(
    data: LabelledSets,
    out: Project = Path(),
    part: Annotated[list[str] | None, typer.Option(help=f"Only this: {', '.join(PARTS)}; may be repeated.")] = None,
    tries: Tries = 0,
    seed: Seed = 0,
) -> None:
    """Measure head-room at matched length, length_free, and what the choice holds out against."""
    check_names(WHAT, part or (), PARTS)
    prepared = prepare_english(label_files(data), beside=RULES_READ)
    grid, heads = settings_tried(tries, seed)
    found = across_families(prepared, heads, grid)
    quick = replace(prepared, examples=prepared.examples.with_annotators(FAST))
    first = across_families(quick, heads, grid) if CROWDS in (part or PARTS) else None
    robustness(prepared, found, out, first=first, seed=seed, parts=part)
    Console().print(f"wrote docs/{NAME}.md and benchmarks/{NAME}.json", soft_wrap=True)


if __name__ == "__main__":
    run(main)
