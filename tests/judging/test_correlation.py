from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from blender.judging.correlation import length_correlations, verdict
from blender.judging.pools import LabelledPool, Ratings, judged
from blender.records import Candidate, Dialog, Kind, Pool


def pools(
    tie: float, *, contexts: int = 60, raters: int = 3, human: int = 0, noise: float = 0.05
) -> list[LabelledPool]:
    """Answers whose specificity is length with weight ``tie`` and chance otherwise; rated by some raters."""
    draw = np.random.default_rng(0)
    made = []
    for at in range(60):
        sizes = draw.integers(1, 30, 4)
        truth = tie * sizes / 30 + (1 - tie) * draw.random(4)
        rated = np.clip(truth + draw.normal(0, noise, (raters, 4)), 0, 1).astype(np.float32)
        kinds: list[Kind] = ["human" if place < human else "generator" for place in range(4)]
        texts = [" ".join(["word"] * size) for size in sizes]
        made.append(
            LabelledPool(
                pool=Pool(
                    dialog=Dialog.of("Hi", id=f"d{at}"),
                    candidates=tuple(Candidate(text=t, kind=k) for t, k in zip(texts, kinds, strict=True)),
                ),
                dataset="s",
                family="s",
                sensible=judged([None] * 4),
                specific=rated.mean(0),
                overall=judged([None] * 4),
                ratings=Ratings(
                    raters=tuple(map(str, range(raters))),
                    named=True,
                    sensible=rated * np.nan,
                    specific=rated,
                    overall=rated * np.nan,
                ),
            )
        )
    return made


@pytest.mark.parametrize(
    ("tie", "noise", "said"),
    [
        (1.0, 0.05, "Specificity is mostly length here"),
        (0.1, 0.05, "Specificity is not mostly length here"),
        (1.0, 0.9, "Specificity as labelled is not mostly length here, though without rater noise it may be"),
        (0.5, 0.05, "Whether specificity is mostly length is undecided here"),
    ],
)
def test_the_verdict_goes_by_the_intervals(tie: float, noise: float, said: str) -> None:
    found = length_correlations(pools(tie, noise=noise), draws=200)
    assert verdict(found).startswith(f"{said}: its rank correlation with length in "), verdict(found)


def test_rater_noise_is_divided_out() -> None:
    noisy, clean = (length_correlations(pools(0.6, noise=noise), draws=50)[0] for noise in (0.3, 0.01))
    assert noisy.ceiling < 0.95 < clean.ceiling and noisy.rho.value < clean.rho.value - 0.05
    assert noisy.over_ceiling.value == pytest.approx(clean.rho.value, abs=0.08)
    assert noisy.ceiling == pytest.approx(math.sqrt(noisy.reliability))


def test_an_answer_that_one_person_rated_is_as_noisy_as_one_rating() -> None:
    made = pools(0.6, noise=0.3)
    for each in made[12:]:  # a fifth is rated by three, the rest by one
        assert each.ratings is not None
        each.ratings.specific[1:] = np.nan
        each.specific[:] = each.ratings.specific[0]
    found = length_correlations(made, draws=50)[0]
    clean = length_correlations(pools(0.6, noise=0.01), draws=50)[0]
    assert found.over_ceiling.value == pytest.approx(clean.rho.value, abs=0.08)


def test_human_answers_are_left_out_of_the_second_figure() -> None:
    some = length_correlations(pools(0.6, human=2), draws=50)[0]
    only = length_correlations([pool.take([2, 3]) for pool in pools(0.6, human=2)], draws=50)[0]
    assert some.answers == 240 and some.machine == only.rho
    assert math.isnan(length_correlations(pools(0.6, human=4), draws=50)[0].machine.value)


def test_answers_without_words_are_left_out() -> None:
    made = pools(0.1)
    silent = tuple(Candidate(text="  ", kind="generator") for _ in range(4))
    none = [
        replace(each, pool=Pool(dialog=each.pool.dialog, candidates=silent), specific=np.zeros(4, np.float32))
        for each in pools(0.1)
    ]
    assert length_correlations([*made, *none], draws=50)[:2] == length_correlations(made, draws=50)[:2]


def test_what_is_not_known_is_nan() -> None:
    found = length_correlations(pools(0.5, raters=1), draws=50)
    assert [(one.label, one.length) for one in found] == [
        ("specific", "words"), ("specific", "characters"), ("sensible", "words"), ("sensible", "characters"),
    ]  # fmt: skip
    assert math.isnan(found[0].reliability) and math.isnan(found[0].over_ceiling.value)
    assert math.isnan(found[2].rho.value) and found[2].answers == 0
    assert verdict(found[2:]).startswith("Whether specificity is length cannot be told")
