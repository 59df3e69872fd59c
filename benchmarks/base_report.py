"""The tables of ``base_scores.py``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from blender.training.report import table

_RUNS = {
    "first": "first run",
    "again": "second run, nothing changed",
    "added": "100 pairs added by `blend index add`",
    "changed": "one scorer changed (`--set rarity.common=5.4`)",
}


def lines(known: Mapping[str, Any]) -> list[str]:
    """All tables whose figures are there."""
    parts = {
        _costs: ("first",),
        _speed: ("added", "tokens"),
        _memory: ("small", "demo"),
        _precision: ("precision",),
        _recall: ("recall",),
        _tops: ("tops",),
        _said: ("examples",),
    }
    made = [part(known) for part, needs in parts.items() if set(needs) <= set(known)]
    return [line for part in made for line in (*part, "")][:-1]


def _costs(known: Mapping[str, Any]) -> Iterator[str]:
    yield "What `blend base score` measures again (`python benchmarks/base_scores.py`):"
    yield ""
    rows = []
    for key, title in ((key, title) for key, title in _RUNS.items() if key in known):
        record = known[key]["record"]
        new = sum(each["new"] for each in record["scorers"])
        reused = sum(each["reused"] for each in record["scorers"])
        shares = [f"{reused / (new + reused):.3f}", f"{known[key]['processor_seconds']:.1f}"]
        rows.append([title, f"{record['phrases']:,}", f"{new:,}", f"{reused:,}", *shares])
    head = ["run", "phrases", "measured", "known before", "share reused", "processor seconds of the process"]
    yield from table(head, rows)
    yield ""
    yield (
        "*Measured* and *known before* count phrases once a scorer (five scorers, nine columns; the last run repeats "
        "the four of the run before it)."
    )


def _speed(known: Mapping[str, Any]) -> Iterator[str]:
    length = known["tokens"]
    sizes = {"perplexity.alone": length["phrase"], "perplexity.conditional": length["phrase"] + length["context"]}
    yield "Speed with which the added phrases were measured, in seconds of one processor, loading of models included:"
    yield ""
    measured = [each for each in known["added"]["record"]["scorers"] if each.get("processor_seconds")]
    rows = []
    for each in measured:
        spent = each["processor_seconds"]
        rate = each["new"] / spent
        tokens = f"{rate * sizes[each['name']]:.0f}" if each["name"] in sizes else ""
        rows.append([each["name"], f"{each['new']:,}", f"{spent:.1f}", f"{rate:.1f}", tokens])
    yield from table(["scorer", "phrases", "processor seconds", "phrases/s", "tokens of text/s"], rows)
    yield ""
    yield f"A phrase has {length['phrase']:.1f} tokens in the mean, context and prompt {length['context']:.1f}."


def _memory(known: Mapping[str, Any]) -> Iterator[str]:
    yield "Peak memory of the process by size of the base (the base itself is mapped, and counts where it was read):"
    yield ""
    runs = []
    for key in ("small", "demo"):
        scorers = ", ".join(f"{each['name']} ({each['new']:,} new)" for each in known[key]["record"]["scorers"])
        runs.append((scorers, known[key]))
    runs.append(("the five of the first run", known["first"]))
    rows = [[name, f"{run['record']['phrases']:,}", f"{run['peak_megabytes']:,}"] for name, run in runs]
    yield from table(["scorers", "phrases", "peak MB"], rows)


def _precision(known: Mapping[str, Any]) -> Iterator[str]:
    found = known["precision"]
    seconds, size = found["processor_seconds"], found["phrases"]
    yield (
        f"`bfloat16` against `float32`, perplexity.alone of {size:,} phrases in one run: "
        f"{seconds['bfloat16']:.1f} processor seconds against {seconds['float32']:.1f}, loading included; Spearman "
        f"{found['spearman']}, apart by "
        f"{found['mean_difference']} nats per token in the mean and {found['largest_difference']} at most."
    )


def _recall(known: Mapping[str, Any]) -> Iterator[str]:
    n = next(iter(known["recall"].values()))["n"]
    yield (
        "Rules and relevance: recall@10 of the true reply in the demo base, found by the reply itself "
        f'(`on = "reply"`) for {n:,} of its contexts; 95 % intervals of the difference over contexts '
        "(1,000 draws, seed 0):"
    )
    yield ""
    rows = [[name, f"{found['mean']:.3f}", _apart(found)] for name, found in known["recall"].items()]
    yield from table(["rule", "recall@10", "less no rule"], rows)


def _tops(known: Mapping[str, Any]) -> Iterator[str]:
    n = next(iter(known["tops"].values()))["sensible"]["n"]
    yield (
        f"Rules and the first answer out of the demo base for {n} contexts of other conversations "
        '(`on = "context"`), as the default bundle\'s heads judge it:'
    )
    yield ""
    rows, less = [], "less no rule"
    for name, found in known["tops"].items():
        cells = [f"{found['changed']['mean']:.2f}"]
        for key, digits in (("sensible", 3), ("specific", 3), ("words", 1)):
            cells += [f"{found[key]['mean']:.{digits}f}", _apart(found[key], digits)]
        rows.append([name, *cells])
    yield from table(["rule", "answers changed", "P(sensible)", less, "P(specific)", less, "words", less], rows)


def _said(known: Mapping[str, Any]) -> Iterator[str]:
    for name, texts in known["examples"].items():
        yield f"The {name} by `blend base review`: " + "; ".join(f"*{text}*" for text in texts) + "."
        yield ""


def _apart(found: Mapping[str, Any], digits: int = 3) -> str:
    value, low, high = found["difference"]
    return f"{value:+.{digits}f} ({low:+.{digits}f} to {high:+.{digits}f})"
