"""SSA, agreement and the length question on labelled sets: ``docs/judging.md`` and ``benchmarks/ssa.json``.

    python benchmarks/ssa.py DATA

``DATA`` is laid out as `docs/data.md` says.
"""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

from blender.judging.agreement import Agreement, agreements
from blender.judging.correlation import LengthCorrelation, length_correlations, verdict
from blender.judging.labels import read_labels
from blender.judging.resampling import Interval
from blender.judging.ssa import Scores, ssa
from blender.training.report import table, write_between_markers, write_json

ROOT = Path(__file__).resolve().parents[1]
SCORED = ("fed-turn", "usr-personachat", "dstc10-persona")
LENGTHS = (*SCORED, "dstc7")


def main(data: Path) -> None:
    """Work everything out, print it, and put it into the page and the JSON."""
    pools = {name: read_labels(data / "labelled" / f"{name}.jsonl") for name in LENGTHS}
    scores = {name: ssa(pools[name]) for name in SCORED}
    agreed = {name: agreements(pools[name]) for name in LENGTHS}
    lengths = {name: length_correlations(pools[name]) for name in LENGTHS}
    lines = [*_score_lines(scores), "", *_agreement_lines(agreed), "", *_length_lines(lengths)]
    print("\n".join(lines))
    write_between_markers(ROOT / "docs" / "judging.md", "ssa", lines)
    found = {
        "scores": {name: asdict(value) | {"slices": None} for name, value in scores.items()},
        "agreement": agreed,
        "length": lengths,
    }
    write_json(ROOT / "benchmarks" / "ssa.json", found)


def _score_lines(scores: dict[str, Scores]) -> list[str]:
    rows = []
    for name, found in scores.items():
        for at, one in enumerate(found.systems):
            head = f"{name} ({found.definition})" if at == 0 else ""
            rows.append([head, one.system, one.answers, one.ssa.shown(), one.sensible.shown(), one.specific.shown()])
    return table(["set (labels)", "system", "answers", "SSA", "sensible", "specific"], rows)


def _agreement_lines(agreed: dict[str, tuple[Agreement, ...]]) -> list[str]:
    rows = [
        [name, one.question, *map(_plain, (one.interval, one.nominal, one.reliability))]
        for name, values in agreed.items()
        for one in values
    ]
    return table(["set", "question", "alpha (interval)", "alpha (nominal)", "reliability of the mean label"], rows)


def _length_lines(lengths: dict[str, tuple[LengthCorrelation, ...]]) -> list[str]:
    rows = [
        [name, one.length, *map(_plain, (one.rho, one.machine, one.over_ceiling))]
        for name, values in lengths.items()
        for one in values
        if one.label == "specific"
    ]
    head = ["set", "specific against", "correlation", "without human answers", "over its ceiling"]
    return [*table(head, rows), "", *(f"- {name}: {verdict(values)}" for name, values in lengths.items())]


def _plain(interval: Interval) -> str:
    return interval.shown(2, scale=1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
