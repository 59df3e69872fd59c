"""Trains the safety heads that come with the package, and writes docs/safety.md and benchmarks/safety.json.

python -m blender.training.safety DATA [--out PROJECT] [--head NAME]

``DATA`` is laid out as `docs/data.md` says. Vectors are kept in the cache folder: a run that was cut off goes on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
import typer
from rich.console import Console

from blender.models.safety import HEADS, load_safety
from blender.seeds import LARGEST_SEED
from blender.training.options import Project
from blender.training.report import write_between_markers, write_json
from blender.training.safety.lists import read_lists
from blender.training.safety.plans import PLANS, Plan, Ready, make_ready
from blender.training.safety.report import card, list_lines, list_values
from blender.training.safety.rivals import HOW, other_installed
from blender.training.safety.run import Judged, cut_off, fit_all, judge, save
from blender.training.safety.sets import READERS
from blender.training.safety.tables import kind_lines, set_lines, values_of, verdict
from blender.training.script import check_names, run

COMMAND = "python -m blender.training.safety DATA"


def make(name: str, plan: Plan, data: Path, heads: Path, seed: int) -> tuple[Ready, dict[str, Judged], dict[str, Any]]:
    """Judge with each set left out, train on all, and write the head."""
    ready = make_ready(plan, data, seed)
    judged = {one: judge(ready, one, seed) for one in READERS}
    head = fit_all(ready)
    cutoff = cut_off(head, ready, judged)
    alarms = float(np.mean(head.score(ready.rows["held out"]) > cutoff))
    values = {
        "sets": values_of(judged),
        "cut-off": cutoff,
        "penalty": head.strength,
        "alarms on held-out harmless talk": alarms,
        "harmless talk held out": len(ready.material["held out"].exchanges),
    }
    text = card(name, plan, cutoff, data, set_lines(judged), COMMAND)
    save(heads / name, plan, ready, head, cutoff, msgspec.to_builtins(values), text, seed)
    return ready, judged, values


def main(
    data: Annotated[Path, typer.Argument(help="Folder of the sets, laid out as docs/data.md says.")],
    out: Project = Path(),
    heads: Annotated[Path, typer.Option(help="Folder that heads are written to.")] = HEADS,
    only: Annotated[list[str] | None, typer.Option("--head", help="Make only this head; may be repeated.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=LARGEST_SEED, help="Of draws, splits and the bootstrap.")] = 0,
) -> None:
    """Train and judge the safety heads."""
    check_names("safety head", only or (), PLANS)
    console = Console(soft_wrap=True)
    if not other_installed():
        console.print(f"alt-profanity-check is not installed, its column is left out: {HOW}")
    path = out / "benchmarks" / "safety.json"
    known: dict[str, Any] = msgspec.json.decode(path.read_bytes()) if path.exists() else {}
    parts: dict[str, Any] = known.get("heads", {})
    for name, plan in PLANS.items():
        if only and name not in only:
            continue
        ready, judged, values = make(name, plan, data, heads, seed)
        lists = list_values(load_safety(str(heads / name)), read_lists(out, plan.locale))
        parts[name] = {**values, "lists": lists}
        if plan.locale == "en":
            lines = [*set_lines(judged), "", *(f"- {said}" for said in verdict(judged))]
            write_between_markers(out / "docs" / "safety.md", "sets", lines)
            write_between_markers(out / "docs" / "safety.md", "kinds", kind_lines(ready, judged))
        else:
            write_between_markers(out / "docs" / "safety.md", "other-language", set_lines(judged))
        console.print(f"{name}: cut-off {values['cut-off']}")
    write_json(path, {"command": COMMAND, "seed": seed, "heads": parts})
    by_language = {PLANS[name].locale: part["lists"] for name, part in parts.items()}
    write_between_markers(out / "docs" / "safety.md", "lists", list_lines(by_language))


if __name__ == "__main__":
    run(main)
