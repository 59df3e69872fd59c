"""SSA, agreement and correlations of the labelled sets, against figures worked out apart from this project's code.

The figures of SSA are worked out again here from the raw ratings by plain Python; those of correlation and reliability
stand in ../shared/data/README.md, two digits each.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from blender.judging.correlation import LengthCorrelation, length_correlations, verdict
from blender.judging.differences import differences
from blender.judging.labels import read_labels
from blender.judging.ssa import ssa

pytestmark = pytest.mark.slow

# the raw questions and their scales: sensible, specific
SCALES = {
    "fed-turn": (("Relevant", 0, 2), ("Specific", 0, 2)),
    "usr-personachat": (("Maintains Context", 1, 3), ("Engaging", 1, 3)),
    "dstc10-persona": (("relevance", 1, 5), ("content", 1, 5)),
}


def raw(labelled: Path, name: str) -> Iterator[dict[str, Any]]:
    for line in (labelled / f"{name}.jsonl").read_text().splitlines():
        yield json.loads(line)


def scaled(row: dict[str, Any], question: tuple[str, float, float]) -> list[float]:
    name, low, high = question
    return [(value - low) / (high - low) for value in row["labels"][name]]


def plain(labelled: Path, name: str) -> dict[str, list[tuple[float, float]]]:
    """(sensible, specific) of every answer by system; gated rater by rater where raters are known."""
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for row in raw(labelled, name):
        sensible, specific = (scaled(row, question) for question in SCALES[name])
        if "annotators" in row:
            people: dict[str, list[tuple[float, float]]] = defaultdict(list)
            for who, s, c in zip(row["annotators"], sensible, specific, strict=True):
                people[who].append((s, c))
            means = [(fmean(s for s, _ in said), fmean(c for _, c in said)) for said in people.values()]
            sensible, specific = [s for s, _ in means], [c if s >= 0.5 else 0 for s, c in means]
        found[row["source"]].append((fmean(sensible), fmean(specific)))
    return found


@pytest.mark.parametrize("name", list(SCALES))
def test_ssa_by_system_is_that_of_plain_python(labelled: Path, name: str) -> None:
    expected = plain(labelled, name)
    found = ssa(read_labels(labelled / f"{name}.jsonl"))
    assert {score.system for score in found.systems} == set(expected)
    for score in found.systems:
        said = expected[score.system]
        assert (score.answers, score.unjudged) == (len(said), 0)
        # the stated means of fed-turn are rounded to four digits
        assert score.sensible.value == pytest.approx(fmean(s for s, _ in said), abs=1e-4)
        assert score.specific.value == pytest.approx(fmean(c for _, c in said), abs=1e-4)
        assert score.ssa.value == pytest.approx((score.sensible.value + score.specific.value) / 2, abs=1e-9)
        draw = random.Random(0)  # noqa: S311
        means = sorted(fmean((s + c) / 2 for s, c in draw.choices(said, k=len(said))) for _ in range(400))
        assert [score.ssa.low, score.ssa.high] == pytest.approx([means[10], means[389]], abs=0.015)


# system: sensible, specific, SSA
@pytest.mark.parametrize(
    ("name", "definition", "expected"),
    [
        (
            "fed-turn",
            "mean of sensible and specific",
            {"Human": (0.90, 0.87, 0.88), "Meena": (0.92, 0.73, 0.82), "Mitsuku": (0.73, 0.66, 0.70)},
        ),
        (
            "usr-personachat",
            "gated SSA per rater",
            {
                "New Human Generated": (0.94, 0.92, 0.93),
                "Original Ground Truth": (0.91, 0.82, 0.86),
                "Seq2Seq": (0.75, 0.56, 0.66),
                "KV-MemNN": (0.59, 0.58, 0.58),
                "Language Model": (0.51, 0.42, 0.47),
            },
        ),
        (
            "dstc10-persona",
            "gated SSA per rater",
            {
                "blenderbot-400M-distill": (0.67, 0.60, 0.63),
                "ground_truth": (0.59, 0.49, 0.54),
                "random": (0.33, 0.27, 0.30),
            },
        ),
    ],
)
def test_the_order_of_systems(
    labelled: Path, name: str, definition: str, expected: dict[str, tuple[float, float, float]]
) -> None:
    found = ssa(read_labels(labelled / f"{name}.jsonl"), draws=100)
    assert found.definition == definition
    order = [score.system for score in found.systems if score.system in expected]
    assert order == list(expected)
    for system, figures in expected.items():
        score = found.system(system)
        assert [score.sensible.value, score.specific.value, score.ssa.value] == pytest.approx(figures, abs=0.006)
        assert score.ssa.low < score.ssa.value < score.ssa.high


def test_people_beat_machines_and_two_machines_are_undecided(labelled: Path) -> None:
    found = differences(read_labels(labelled / "usr-personachat.jsonl"))
    pairs = {(pair.one, pair.other): pair for pair in found.pairs}
    assert len(pairs) == 10 and all(pair.dialogs == 60 for pair in pairs.values())
    beaten = pairs["New Human Generated", "Seq2Seq"]
    assert beaten.decided and beaten.difference.low > 0 and beaten.corrected == pytest.approx(10 * beaten.p)
    close = pairs["Seq2Seq", "KV-MemNN"]
    assert not close.decided and close.difference.low < 0 < close.difference.high
    assert close.more_dialogs is not None and close.more_labels == close.more_dialogs * 2 * 3
    apart = differences(read_labels(labelled / "fed-turn.jsonl"))  # no context has two systems
    assert all(pair.dialogs == 0 and pair.more_dialogs is None for pair in apart.pairs)


@cache
def correlations(labelled: Path, name: str) -> tuple[LengthCorrelation, ...]:
    return length_correlations(read_labels(labelled / f"{name}.jsonl"), draws=500)


# README.md: rho with words, with characters, the same without human answers, reliability, over the ceiling
README = [
    ("dstc10-persona", (0.23, 0.30), (0.24, 0.30), 0.36, 0.50),
    ("dstc7", (0.14, 0.15), (0.08, 0.07), 0.37, 0.25),
    ("usr-personachat", (0.42, 0.53), (0.31, 0.40), 0.66, 0.65),
    ("fed-turn", (0.41, 0.42), (0.27, 0.27), 0.63, 0.53),
]


@pytest.mark.parametrize(("name", "rho", "machine", "reliability", "over"), README)
def test_correlations_with_length_come_out_to_two_digits(
    labelled: Path, name: str, rho: tuple[float, float], machine: tuple[float, float], reliability: float, over: float
) -> None:
    found = correlations(labelled, name)
    words, characters = (one for one in found if one.label == "specific")
    assert (words.length, characters.length) == ("words", "characters")
    assert (round(words.rho.value, 2), round(characters.rho.value, 2)) == rho
    assert (round(words.machine.value, 2), round(characters.machine.value, 2)) == machine
    assert round(words.reliability, 2) == reliability
    # there it was worked out from rounded figures: 0.15 / 0.61
    assert characters.over_ceiling.value == pytest.approx(over, abs=0.009)
    assert characters.rho.low < characters.rho.value < characters.rho.high


# contexts resampled; there the ends lie within 0.03 of a plain bootstrap of 1,000 draws
@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("dstc10-persona", 0.28, 0.32), ("dstc7", 0.13, 0.17), ("usr-personachat", 0.41, 0.62), ("fed-turn", 0.34, 0.51)],
)
def test_the_intervals_of_these_correlations(labelled: Path, name: str, low: float, high: float) -> None:
    found = next(
        one for one in correlations(labelled, name)
        if (one.label, one.length) == ("specific", "characters")
    )  # fmt: skip
    assert [found.rho.low, found.rho.high] == pytest.approx([low, high], abs=0.031)


@pytest.mark.parametrize(
    ("name", "rho"), [("dstc10-persona", 0.04), ("dstc7", 0.08), ("usr-personachat", 0.07), ("fed-turn", -0.04)]
)
def test_sensibleness_is_not_length(labelled: Path, name: str, rho: float) -> None:
    found = correlations(labelled, name)
    assert next(round(one.rho.value, 2) for one in found if (one.label, one.length) == ("sensible", "words")) == rho


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("dstc10-persona", "Specificity is not mostly length here"),
        ("dstc7", "Specificity is not mostly length here"),
        ("fed-turn", "Specificity is not mostly length here"),
        ("usr-personachat", "Specificity as labelled is not mostly length here, though without rater noise it may be"),
    ],
)
def test_the_verdict(labelled: Path, name: str, said: str) -> None:
    found = correlations(labelled, name)
    assert verdict(found).startswith(f"{said}: its rank correlation with length in characters is 0.")
    assert verdict(found).endswith("the claim in the field is 0.66 or more.")
