"""The report on tuning as markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from blender.training.report import table
from blender.training.tune.interest import INTERESTS

BARS = {"specific": 0.10, "sensible": -0.01, "recall": -0.02}
"""P(specific) up by 10 % relative also at like length, P(sensible) down by 1 point, recall@10 by 2 % relative."""


def correlation_lines(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """How each interest goes with human specificity."""
    heads = [*INTERESTS, "words"]
    rows = [
        [f"{name} ({one['n']}, {one['contexts']})", *(between(one[head]) for head in heads)]
        for name, one in found.items()
    ]
    return table(["set (answers, contexts)", *heads], rows)


def recall_lines(found: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[str]:
    """Recall of the true reply, by domain and way."""
    levels = [f"recall@{level}" for level in (1, 10, 100)]
    rows = [
        [
            f"{domain} ({row['n']})",
            way,
            *(between(row[level], 3) for level in levels),
            "-" if way == "untuned" else between(row["gain@10"], 3, sign=True),
        ]
        for domain, ways in found.items()
        for way, row in ways.items()
    ]
    return table(["dialogues (n)", "retriever", *levels, "recall@10 less the untuned one's"], rows)


def outcome_lines(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """One line a way of answering."""
    heads = (
        "P(specific)",
        "gain",
        "gain at like length",
        "P(sensible) change, points",
        "recall@10 change",
        "cosine",
        "reward",
        "words",
        "distinct-1, -2",
        "KL",
        "toxic",
        "s",
    )
    rows = [
        [
            name,
            f"{one['specific'][0]:.3f}",
            percent(one["specific gain"]),
            percent(one["specific gain, like length"]),
            percent(one["sensible change"]),
            percent(one["recall@10 change"]),
            f"{one['relevance'][0]:.2f}",
            f"{one['reward'][0]:.3f}" if one["reward"][0] == one["reward"][0] else "-",
            f"{one['words']:.1f}",
            f"{one['distinct-1']:.2f}, {one['distinct-2']:.2f}",
            f"{one['kl']:.2f}",
            f"{one['toxic']:.3f}",
            f"{one['seconds']:.0f}" if "seconds" in one else "0",
        ]
        for name, one in found.items()
    ]
    return table(["way", *heads], rows)


def verdict_lines(found: Mapping[str, Mapping[str, Any]], names: Sequence[str]) -> list[str]:
    """Bars met or not, by the mean over seeds."""
    heads = ("P(specific) +10 %", "also at like length", "P(sensible) -1 point at most", "recall@10 -2 % at most")
    rows = []
    for name in names:
        one = found[name]
        met = (
            one["specific gain"][0] >= BARS["specific"],
            one["specific gain, like length"][0] >= BARS["specific"],
            one["sensible change"][0] >= BARS["sensible"],
            one["recall@10 change"][0] >= BARS["recall"],
        )
        rows.append([name, *("met" if each else "not met" for each in met)])
    return table(["way", *heads], rows)


def head_room_lines(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Head-room on human-labelled pools, in percent."""
    ways = [way for way in next(iter(found.values())) if way not in ("n", "target")]
    rows = [
        [
            f"{name} ({one['n']})",
            *("{:.0f} ({:.0f} to {:.0f})".format(*(100 * each for each in one[way])) for way in ways),
        ]
        for name, one in found.items()
    ]
    return table(["set (contexts)", *ways], rows)


def example_lines(found: Sequence[Mapping[str, str]]) -> list[str]:
    """Contexts with the answers of several ways."""
    lines = []
    for each in found:
        context = each["context"].replace("|", "/")
        lines += [f"- *{context}*"]
        lines += [f"    - {way}: {text.replace('|', '/')}" for way, text in each.items() if way != "context"]
    return lines


def between(interval: Sequence[float], digits: int = 2, *, sign: bool = False) -> str:
    """A value with its interval."""
    value, low, high = interval
    plus = "+" if sign else ""
    return f"{value:{plus}.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def percent(interval: Sequence[float]) -> str:
    """A change in percent with its interval."""
    value, low, high = (100 * each for each in interval)
    return f"{value:+.1f} ({low:.1f} to {high:.1f})"
