from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from blender.judging.agreement import agreements
from blender.judging.alpha import Units, alpha
from blender.judging.labels import read_labels
from blender.judging.pairwise import cohen_kappa, pairwise

Row = tuple[str, str, dict[str, tuple[int, int | None]]]
"""Dialog, response, (sensible, specific) by rater."""


def written(path: Path, rows: list[Row]) -> Path:
    lines = [
        {"dialog_id": dialog, "context": ["Hi", "Hello", dialog], "response": response,
         "ratings": [{"rater": r, "sensible": s, "specific": c} for r, (s, c) in said.items()]}
        for dialog, response, said in rows
    ]  # fmt: skip
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_every_question_with_its_counts(tmp_path: Path) -> None:
    pools = read_labels(
        written(
            tmp_path / "l.jsonl",
            [
                ("a", "x", {"ann": (1, 1), "bob": (1, 0), "cy": (0, 0)}),
                ("a", "y", {"ann": (0, 0), "bob": (0, 0)}),
                ("b", "z", {"ann": (1, 1), "bob": (1, 1)}),
                ("b", "w", {"cy": (1, None)}),
            ],
        )
    )
    sensible, specific = agreements(pools, draws=50)
    assert (sensible.question, specific.question) == ("sensible", "specific")
    assert (sensible.answers, sensible.alone, sensible.ratings, sensible.dialogs) == (3, 1, 7, 2)
    assert specific.alone == 0 and sensible.per_answer == pytest.approx(7 / 3)
    assert sensible.nominal.value == pytest.approx(alpha(Units.of([[1, 1, 0], [0, 0], [1, 1]]), "nominal"))
    assert sensible.interval.value == pytest.approx(sensible.nominal.value)  # two values
    assert sensible.same == pytest.approx((1 + 1 + 1) / 5)
    a, k = sensible.interval.value, 3 / (1 / 3 + 1 / 2 + 1 / 2)
    assert sensible.reliability.value == pytest.approx(k * a / (1 + (k - 1) * a))


def test_a_rating_given_twice_counts_as_it_was_given(tmp_path: Path) -> None:
    path = tmp_path / "l.jsonl"
    row = {"dialog_id": "a", "context": ["Hi"], "response": "x"}
    twice = [{"rater": "ann", "sensible": 1}, {"rater": "ann", "sensible": 0}, {"rater": "bob", "sensible": 1}]
    once = [{"rater": "ann", "sensible": 0}, {"rater": "bob", "sensible": 0}]
    path.write_text(
        "".join(json.dumps(row | {"dialog_id": d, "ratings": r}) + "\n" for d, r in (("a", twice), ("b", once)))
    )
    pools = read_labels(path)
    assert agreements(pools, draws=10)[0].ratings == 5
    assert pools[0].take([0]).votes == pools[0].votes and pools[0].take([]).votes == {"sensible": ()}
    assert not pools[1].votes


def test_no_two_ratings_no_agreement(tmp_path: Path) -> None:
    assert agreements(read_labels(written(tmp_path / "l.jsonl", [("a", "x", {"ann": (1, 1)})]))) == ()


def test_raters_two_by_two(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    labels = draw.integers(0, 2, (30, 2))
    rows: list[Row] = []
    for at, (a, b) in enumerate(labels):
        rows.append(("d", f"r{at}", {"ann": (int(a), None), "bob": (int(b), None)}))
    rows.append(("e", "one", {"ann": (1, None), "cy": (1, None)}))
    first, second = pairwise(read_labels(written(tmp_path / "l.jsonl", rows)), "sensible")
    assert (first.one, first.other, first.answers) == ("ann", "bob", 30)
    assert first.same == pytest.approx((labels[:, 0] == labels[:, 1]).mean())
    assert first.kappa == pytest.approx(cohen_kappa_score(labels[:, 0], labels[:, 1]), abs=1e-12)
    assert (second.other, second.answers, second.same) == ("cy", 1, 1) and math.isnan(second.kappa)
    assert math.isnan(cohen_kappa(np.zeros(0), np.zeros(0)))


def test_an_answer_of_two_systems_was_asked_once(tmp_path: Path) -> None:
    said = [{"rater": "ann", "sensible": 1, "specific": 0}, {"rater": "bob", "sensible": 0, "specific": 0}]
    row = {"dialog_id": "d", "context": ["Hi!"], "sensible": 1, "flags": ["aggregated by majority"], "ratings": said}
    texts = (("same", "one"), ("same", "two"), ("other", "two"))
    path = tmp_path / "labels.jsonl"
    path.write_text("".join(json.dumps(row | {"response": text, "source": who}) + "\n" for text, who in texts))
    (pool,) = read_labels(path)
    assert (len(pool), agreements([pool])[0].answers, pairwise([pool], "sensible")[0].answers) == (3, 2, 2)
