"""Can probabilities be trusted, and what can abstaining promise: ``docs/trust.md`` and ``benchmarks/trust.json``.

    python -m blender.training.trust DATA

``DATA`` is laid out as `docs/data.md` says, and its measurements are in the cache, as after `make quality`. The rankers
are fitted without a search of settings; their heads are those that ``blend train`` would fit.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from blender.training.fixed_folds import in_domain_with_heads, left_out
from blender.training.options import LabelledSets, OnlyAnnotators, Project, Seed
from blender.training.outer import OutOfFold
from blender.training.prepare import Prepared
from blender.training.probabilities import DRAWS, MOST_LABELS, Table, plain, probability_table
from blender.training.public_sets import MOST_CONTEXTS, RULES_READ, label_files, prepare_english
from blender.training.report import write_between_markers, write_json
from blender.training.script import run
from blender.training.selective import SPLITS, Elsewhere, KeptTable, elsewhere_table, kept_table
from blender.training.trust_picture import draw_reliability
from blender.training.trust_tables import (
    bar_sentence,
    elsewhere_lines,
    kept_lines,
    kept_sentences,
    left_out_lines,
    own_lines,
)

IN_DOMAIN, LEFT_OUT = "In domain", "Left out"
NAME = "trust"


def trust(
    prepared: Prepared,
    away: OutOfFold,
    own: OutOfFold,
    out: Path,
    about: Mapping[str, Any],
    *,
    seed: int,
    splits: int = SPLITS,
    draws: int = DRAWS,
) -> None:
    """Judge and write everything: document, figures, picture.

    Args:
        prepared: the labelled sets.
        away: scored with one family left out, heads and all.
        own: scored in domain, heads and all.
        out: project folder.
        about: command and the like, for the JSON.
        seed: of draws and splits.
        splits: of each set, to judge promises by.
        draws: of labels, to judge recalibration by.
    """
    tables = {
        IN_DOMAIN: probability_table(prepared, own, recalibrate=False, seed=seed),
        LEFT_OUT: probability_table(prepared, away, recalibrate=True, draws=draws, seed=seed),
    }
    kept = {
        IN_DOMAIN: kept_table(prepared, own, splits=splits, seed=seed),
        LEFT_OUT: kept_table(prepared, away, splits=splits, seed=seed),
    }
    elsewhere = elsewhere_table(prepared, away)
    write_json(
        out / "benchmarks" / f"{NAME}.json",
        {**about, "seed": seed, "splits": splits, "draws": draws, **_plain(tables, kept, elsewhere)},
    )
    document = out / "docs" / f"{NAME}.md"
    write_between_markers(document, "probabilities", _probabilities(tables))
    write_between_markers(document, "abstaining", _abstaining(kept))
    write_between_markers(document, "elsewhere", elsewhere_lines(elsewhere))
    panels = {
        "in domain": {key: one.curve for key, one in tables[IN_DOMAIN].items()},
        "left out": {key: one.curve for key, one in tables[LEFT_OUT].items()},
        f"left out, {MOST_LABELS} labels": {key: one.recalibrated_curve for key, one in tables[LEFT_OUT].items()},
    }
    draw_reliability(out / "docs" / f"{NAME}.png", panels)


def _plain(tables: Mapping[str, Table], kept: Mapping[str, KeptTable], elsewhere: list[Elsewhere]) -> dict[str, Any]:
    return {
        "probabilities": {where: plain(table) for where, table in tables.items()},
        "abstaining": kept,
        "elsewhere": elsewhere,
    }


def _probabilities(tables: Mapping[str, Table]) -> list[str]:
    own, away = tables[IN_DOMAIN], tables[LEFT_OUT]
    return [
        *own_lines(own),
        "",
        bar_sentence(own, IN_DOMAIN),
        "",
        *left_out_lines(away),
        "",
        bar_sentence(away, LEFT_OUT),
    ]


def _abstaining(kept: Mapping[str, KeptTable]) -> list[str]:
    lines: list[str] = []
    for where, table in kept.items():
        lines += [f"{where}:", "", *kept_lines(table), "", *kept_sentences(table, where), ""]
    return lines[:-1]


def main(data: LabelledSets, out: Project = Path(), annotator: OnlyAnnotators = None, seed: Seed = 0) -> None:
    """Judge P(sensible) and P(specific), and promises by abstaining; write docs/trust.md and benchmarks/trust.json."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    prepared = prepare_english(label_files(data), annotator or None, beside=RULES_READ)
    own, away = in_domain_with_heads(prepared, seed), left_out(prepared, seed)
    about = {
        "command": "make trust",
        "contexts of a set at most": MOST_CONTEXTS,
        "data": dict(prepared.data),
        "annotators": dict(prepared.fingerprints),
    }
    trust(prepared, away, own, out, about, seed=seed)
    Console().print(f"{out / 'docs' / NAME}.md, {out / 'benchmarks' / NAME}.json", markup=False)


if __name__ == "__main__":
    run(main)
