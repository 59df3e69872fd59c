"""Tables and pictures of ``docs/performance.md`` from the figures in ``benchmarks/performance``.

    python benchmarks/performance/report.py

What was not measured is left out of the document, not filled in.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pictures import frontier, growth, roofline

from blender.training.report import table, write_between_markers

HERE = Path(__file__).parent
PROJECT = HERE.parent.parent
DOCUMENT = PROJECT / "docs" / "performance.md"
Values = Mapping[str, Any]


def read(name: str, folder: Path = HERE) -> Values:
    """The figures of one benchmark, nothing if it was not run."""
    path = folder / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def made_by(values: Values) -> list[str]:
    """The command, the machine and its versions, under a table."""
    machine = values["machine"]
    versions = ", ".join(f"{name} {machine[name]}" for name in ("torch", "lightgbm", "faiss-cpu", "python"))
    return ["", f"`{values['command']}`; {machine['cores']} cores, {machine['processor']}; {versions}."]


def percent(share: float | None, digits: int = 1) -> str:
    """A share as a percentage."""
    return "-" if share is None else f"{100 * share:.{digits}f}"


def _spread(interval: Values) -> str:
    return f"{percent(interval['value'])} ({percent(interval['low'])} to {percent(interval['high'])})"


def choosing(values: Values) -> list[str]:
    """One pool beside the rivals, stages, turns."""
    ratio = values["times as long as fast"]
    rows = [
        [name, f"{one['median ms']:,.1f}", f"{one['p95 ms']:,.1f}", one["n"], f"{ratio[name]:,.1f}"]
        for name, one in values["one pool"].items()
    ]
    lines = table(["one pool of 32", "median ms", "95 % ms", "n", "times as long as fast"], rows)
    names = ("annotate", "guard", "rank")
    more = [
        [f"{stage}, {preset}", values[f"stages, {preset}"][stage]] for preset in ("fast", "default") for stage in names
    ]
    more += [
        [f"{shown}, {preset}", values[f"{what}, {preset}"]["median ms"]]
        for what, shown in (("ranker", "ranker alone, again and again"), ("explanation", "explanation"))
        for preset in ("fast", "default")
    ]
    more += [
        [f"annotate, {what}, {preset}", one["median ms"]]
        for preset in ("fast", "default")
        for what, one in values[f"turns, {preset}"].items()
    ]
    return [*lines, "", *table(["stage", "median ms"], more), *made_by(values)]


def with_shortlists(judged: Values, shortened: Values, timed: Values) -> Values:
    """The sets, and the shortlists that were timed beside them; these are compared with reading all."""
    sets = dict(judged["sets"])
    for name, one in shortened.get("recovered", {}).items():
        if name in timed.get("sets", {}):
            sets[name] = {
                "annotators": (f"fast, then of a shortlist {' and '.join(shortened['dear'])}",),
                "recovered, mean of counted": one["mean of sets"],
                "less full": one["less reading all"],
            }
    return {**judged, "sets": sets}


def annotator_sets(judged: Values, timed: Values) -> list[str]:
    """Head-room beside milliseconds."""
    rows = []
    for name, one in judged["sets"].items():
        spreads = [_spread(one[key]) for key in ("recovered, mean of counted", "less full")]
        spent = timed.get("sets", {}).get(name, {}).get("median ms", "-")
        rows.append([name, ", ".join(one["annotators"]), *spreads, spent])
    head = ["set", "annotators", "head-room recovered, %", "less the full set, points", "annotating 32, ms"]
    return [*table(head, rows), "", f"`{judged['command']}`: {judged['how']}.", *(made_by(timed) if timed else [])]


def waiting(values: Values) -> list[str]:
    """Two ways of OpenMP's threads to wait, beside each other."""
    calls = {name: one for name, one in values.items() if isinstance(one, dict) and name not in _ABOUT}
    hows = [name for name, one in next(iter(calls.values())).items() if isinstance(one, dict)]
    rows = [
        [
            name,
            *(f"{one[how]['median ms']:,.0f}" for how in hows),
            percent(one["time saved, median of the rounds"], 0),
            ", ".join(percent(share, 0) for share in one["time saved, by round"]),
        ]
        for name, one in calls.items()
    ]
    head = ["call", *(f"{how}, median ms" for how in hows), "time saved, %", "in each of the rounds"]
    return [*table(head, rows), *made_by(values)]


def haste(values: Values) -> list[str]:
    """Four callers at once."""
    rows = [[name, value] for name, value in values.items() if not isinstance(value, dict) and name not in _ABOUT]
    rows += [[name, f"{value} ms"] for name, value in values["milliseconds"].items()]
    rows += [[f"calls with the fault: {name}", count] for name, count in values["calls with a fault"].items()]
    return [*table(["four callers at once, default preset", ""], rows), *made_by(values)]


def hurried(values: Values) -> list[str]:
    """What deadlines cost in head-room, one caller."""
    rows = [
        [name, percent(one["lost"]), *_in_time(one), percent(one["ranked"], 0), ", ".join(_late(one)) or "-"]
        for name, one in values["deadline"].items()
    ]
    head = ["deadline of `choose`", "head-room lost, points", "in time, %", "ranked, %", "late, % of the pools"]
    return [*table(head, rows), *made_by(values)]


def _in_time(one: Values) -> list[str]:
    return ["-" if one["in time"] is None else percent(one["in time"], 1)]


def _late(one: Values) -> Iterator[str]:
    for fault, share in one["late, share of pools"].items():
        yield f"{fault.split()[1]} {percent(share, 0)}"


def shortlists(values: Values) -> list[str]:
    """Head-room by how much of a pool the language model reads."""
    rows = [
        [name, percent(one["mean of sets"]["value"]), _spread(one["less reading all"])]
        for name, one in values["recovered"].items()
    ]
    head = ["read by the language model", "recovered, %", "less reading all, points"]
    return [*table(head, rows), "", f"`{values['command']}`: {values['how']}."]


def batches(values: Values, what: str) -> list[str]:
    """The batch run beside the loop."""
    rows = [["loop over single dialogs", values["loop, dialogs a second"], 1.0, "-", "-"]]
    for how in ("1 process", "2 processes"):
        run = values[how]
        rows.append([how, run["dialogs a second"], run["times the loop"], percent(run["busy"], 0), run["peak MB"]])
    head = [what, "dialogs a second", "times the loop", "cores busy, %", "peak MB"]
    return [*table(head, rows), *made_by(values)]


def language_model(values: Values) -> list[str]:
    """Scoring and sampling beside the usual way."""
    lines: list[str] = []
    for part in ("conditional perplexity", "generation", "counted tokens"):
        rows = _flat(values.get(part) or {})
        lines += [*table([part, ""], rows), ""] if rows else []
    return [*lines, *made_by(values)[1:]]


def throughput(values: Values) -> list[str]:
    """Share of what the machine could multiply."""
    rows = _flat(values.get("throughput") or {})
    return table(["throughput", ""], rows) if rows else []


def _flat(values: Values, before: str = "") -> list[list[object]]:
    rows: list[list[object]] = []
    for name, value in values.items():
        title = f"{before}{name}"
        if isinstance(value, Mapping):
            rows += _flat(value, f"{title}, ")
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            for one in value:
                first, *_ = one.values()
                rows += _flat(dict(list(one.items())[1:]), f"{title} {first}, ")
        else:
            rows.append([title, ", ".join(map(str, value)) if isinstance(value, list) else value])
    return rows


def retrieval(values: Values) -> list[str]:
    """By number of phrases."""
    wanted = (
        "kind", "recall@10", "single", "exact single", "times exact, single", "batch queries/s", "times exact, batch",
        "build s", "bytes per phrase and side in RAM", "RssAnon of two sides, bytes",
    )  # fmt: skip
    rows = []
    for name, one in values["sizes"].items():
        cells = [one.get(key, "-") for key in wanted]
        rows.append([name, *(cell["median ms"] if isinstance(cell, dict) else cell for cell in cells)])
    head = ["side and phrases", *(key + " ms" * (key in ("single", "exact single")) for key in wanted)]
    return [*table(head, rows), "", f"{values['data']}; {values['n']}.", *made_by(values)]


def cold(values: Values) -> list[str]:
    """Seconds to begin."""
    rows = [[name, one["median s"], one["slowest s"], one["n"]] for name, one in values.items() if name not in _ABOUT]
    return [*table(["from nothing to", "median s", "slowest s", "n"], rows), *made_by(values)]


_ABOUT = ("command", "seed", "machine")


def main() -> None:
    """Write every part that was measured."""
    one_file: dict[str, tuple[str, Callable[[Values], list[str]]]] = {
        "choose": ("choose", choosing),
        "waiting": ("waiting", waiting),
        "deadline": ("deadline", haste),
        "hurried": ("deadline_headroom", hurried),
        "batch": ("batch_run_choose", partial(batches, what="choose, fast preset, 8 candidates")),
        "batch reply": ("batch_run_reply", partial(batches, what="reply, default preset")),
        "language model": ("language_model", language_model),
        "throughput": ("language_model", throughput),
        "retrieval": ("retrieval", retrieval),
        "cold start": ("cold", cold),
    }
    for part, (name, lines) in one_file.items():
        if values := read(name):
            write_between_markers(DOCUMENT, part, lines(values))
    judged, timed = read("frontier", PROJECT / "benchmarks"), read("frontier")
    shortened = read("cascade", PROJECT / "benchmarks")
    if judged:
        judged = with_shortlists(judged, shortened, timed)
        write_between_markers(DOCUMENT, "annotator sets", annotator_sets(judged, timed))
    if shortened:
        write_between_markers(DOCUMENT, "shortlists", shortlists(shortened))
    docs = PROJECT / "docs"
    frontier(judged, timed, docs / "performance-frontier.png")
    roofline(read("language_model"), docs / "performance-roofline.png")
    growth(read("choose"), read("language_model"), read("retrieval"), docs / "performance-growth.png")


if __name__ == "__main__":
    main()
