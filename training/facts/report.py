"""How the default preset chooses and answers where a dialog has facts: docs/facts.md, benchmarks/facts.json.

    python -m blender.training.facts.report

It also fits the weight that `blender.true_to_facts` has. No bundle was trained on the dialogs that are judged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from blender.judging.headroom import recovered
from blender.judging.label_files import read_label_files
from blender.judging.target import targets
from blender.models.fact_reading import KINDS
from blender.settings import Settings
from blender.training.drawn import FACTS_CHOICES, FACTS_JUDGED
from blender.training.facts.choosing import choices, fitted_weight, measured_by, shares, unread
from blender.training.facts.items import HARD, JUDGED, Written, read_choices, read_items
from blender.training.options import Project
from blender.training.report import table, write_between_markers, write_json
from blender.training.script import run
from blender.true_to_facts import WEIGHT

COMMAND, PRESET = "python -m blender.training.facts.report", "default"
_KINDS = ("backed", "contrary", "off", "neither", "good", "dull")


def chosen(written: Written) -> dict[str, Any]:
    """Shares of the kinds that the preset's ranker chooses from what was written, with and without its penalty."""
    ranker, _, matrix = measured_by(Settings.find(PRESET), written.pools)
    asked = np.array([(written.kinds[written.items == at] == 0).any() for at in range(len(written.pools))])
    each = {"without": ranker.ranker, "with": ranker}
    return {name: shares(choices(one, matrix, written.names), asked) for name, one in each.items()}


def weight() -> float:
    """As fitted to the labels of `FACTS_CHOICES`, for callers' candidates."""
    labelled = read_label_files([FACTS_CHOICES])
    ranker, _, matrix = measured_by(Settings.find(PRESET), [one.pool for one in labelled])
    return fitted_weight(ranker, matrix, np.concatenate(targets(labelled).values))


def drawn() -> dict[str, Any]:
    """What is chosen from the pools that the preset's sources drew: by either bundle, with and without the facts."""
    labelled, kinds = read_label_files([FACTS_JUDGED]), read_choices(FACTS_JUDGED, beside=True).names
    settings = Settings.find(PRESET)
    true, own, matrix = measured_by(settings, [one.pool for one in labelled])
    bundle, replies = f"bundle `{settings.bundle}`", f"bundle `{settings.ranker['own']}`"
    wanted = targets(labelled).values
    found: dict[str, Any] = {}
    for name, one, read in (
        (bundle, true.ranker, matrix),
        (f"{bundle} and the penalty", true, matrix),
        (f"{replies}, facts unread", own, unread(matrix)),
        (replies, own, matrix),
    ):
        counted = Counter(choices(one, read, kinds))
        scores = one.score(read, ()).value
        won = recovered(wanted, [scores[rows] for rows in read.groups()])
        shares_of = {kind: counted[kind] / len(labelled) for kind in KINDS}
        found[name] = {**shares_of, "SSA": won.mean_target, "recovered": won.mean.value}
    return {"n": len(labelled), "chosen": found}


def lines(values: Mapping[str, Any]) -> Iterator[str]:
    """Markdown."""
    rows = []
    for test in ("plain", "hard"):
        for about in ("about a fact", "about something else"):
            for how in ("without", "with"):
                row = values[test][how][about]
                cells = [f"{100 * row[kind]:.0f}" if kind in row else "-" for kind in _KINDS]
                rows.append([test, f"{about} ({row['n']})", how, *cells])
    yield from table(["test", "last turn (dialogs)", "penalty", *_KINDS], rows)
    yield ""
    each = values["drawn"]
    names = (*KINDS, "SSA", "recovered")
    rows = [[how, *(f"{100 * one[name]:.0f}" for name in names)] for how, one in each["chosen"].items()]
    yield from table([f"{each['n']} pools as drawn: chosen by", *KINDS, "SSA", "head-room recovered"], rows)
    yield ""
    yield f"Weight of the penalty fitted to `{FACTS_CHOICES.name}`: {values['weight']:.2f}; in use: {WEIGHT}."


def main(out: Project = Path()) -> None:
    """Write docs/facts.md and benchmarks/facts.json: four minutes."""
    values = {
        "command": COMMAND,
        "weight": weight(),
        "plain": chosen(read_choices(JUDGED, beside=True)),
        "hard": chosen(read_items([HARD])),
        "drawn": drawn(),
    }
    write_json(out / "benchmarks" / "facts.json", values)
    write_between_markers(out / "docs" / "facts.md", "choices", list(lines(values)))
    Console().print("\n".join(lines(values)), soft_wrap=True)


if __name__ == "__main__":
    run(main)
