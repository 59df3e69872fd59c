"""What each annotator of the default bundle is worth: head-room without it, and milliseconds that it takes.

    python -m blender.training.ablation DATA

Leave one family out, settings fixed and alike, as `blender.training.frontier` does it; differences are paired over
contexts. Beside them stand annotators that are not in the bundle, added to it. Milliseconds are read from
``benchmarks/performance/annotators.json``, measured on an idle machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from blender.training.examples import Doubles
from blender.training.frontier import SEEDS, SETTINGS, counted_sets, mean_of_sets, told_shares
from blender.training.options import LabelledSets, Project
from blender.training.prepare import Prepared, default_annotators
from blender.training.public_sets import label_files, prepare_english
from blender.training.report import table, write_between_markers, write_json
from blender.training.script import run

WHOLE = "all of them"
LEFT_OUT = ("perplexity", "reply")  # that a default bundle once had
_TIMES = Path("benchmarks") / "performance" / "annotators.json"


def ablation(prepared: Prepared, names: Sequence[str]) -> dict[str, dict[str, Doubles]]:
    """By what is left out, by set, what was recovered of each context, mean of the seeds; ``WHOLE`` leaves out none.

    What is in ``LEFT_OUT`` is added instead.
    """
    found = {}
    for without in (WHOLE, *names, *LEFT_OUT):
        some = [*names, without] if without in LEFT_OUT else [name for name in names if name != without]
        found[without] = told_shares(prepared, some, without)
    return found


def as_plain(prepared: Prepared, found: Mapping[str, Mapping[str, Doubles]]) -> dict[str, Any]:
    """For JSON: the mean over counted sets, and what each annotator adds to it."""
    counted = counted_sets(prepared)
    rows = {}
    for name, one in found.items():
        sign = -1 if name in LEFT_OUT else 1
        added = [sign * (found[WHOLE][dataset] - one[dataset]) for dataset in counted]
        rows[name] = {
            "recovered with it" if name in LEFT_OUT else "recovered without it": mean_of_sets(
                [one[dataset] for dataset in counted], 0
            ),
            "adds": mean_of_sets(added, 0),
            "by set": {dataset: float(np.nanmean(values)) for dataset, values in one.items()},
        }
    return {
        "command": "python -m blender.training.ablation DATA",
        "how": "one family left out, settings fixed and alike, mean of the seeds",
        "seeds": list(range(SEEDS)),
        "settings": SETTINGS,
        "counted": counted,
        "fingerprints": dict(prepared.fingerprints),
        "without": rows,
    }


def ablation_lines(plain: Mapping[str, Any], times: Mapping[str, float]) -> Iterator[str]:
    """Markdown: what each annotator adds, most first."""
    rows = dict(plain["without"])
    whole = rows.pop(WHOLE)["recovered without it"].shown()
    yield f"All of them together: {whole} % (mean of the counted sets, {len(plain['seeds'])} seeds)."
    yield ""
    sets, cells = plain["without"][WHOLE]["by set"], list[list[str]]()
    for name, row in sorted(rows.items(), key=lambda item: -item[1]["adds"].value):
        sign = -100 if name in LEFT_OUT else 100
        each = [f"{sign * (sets[dataset] - row['by set'][dataset]):+.1f}" for dataset in plain["counted"]]
        spent = f"{times[name]:.1f}" if name in times else "-"
        said = f"{name}, were it added" if name in LEFT_OUT else name
        cells.append([said, row["adds"].shown(sign="+"), *each, spent])
    yield from table(["annotator", "adds, points", *plain["counted"], "ms a pool"], cells)


def _times(folder: Path) -> dict[str, float]:
    path = folder / _TIMES
    if not path.is_file():
        return {}
    return {name: one["median ms"] for name, one in msgspec.json.decode(path.read_bytes())["alone"].items()}


def main(data: LabelledSets, out: Project = Path()) -> None:
    """Leave out each annotator of the default bundle in turn; write docs/quality.md and benchmarks/ablation.json."""
    chosen = default_annotators()
    prepared = prepare_english(label_files(data), [*chosen, *LEFT_OUT])
    plain = as_plain(prepared, ablation(prepared, sorted(chosen)))
    write_json(out / "benchmarks" / "ablation.json", plain)
    lines = list(ablation_lines(plain, _times(out)))
    write_between_markers(out / "docs" / "quality.md", "ablation", lines)


if __name__ == "__main__":
    run(main)
