from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from blender.errors import BadInput
from blender.training.safety.measure import FALSE_ALARMS, tell


def sample(n: int = 1200, *, steps: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    toxic = generator.random(n) < 0.3
    score = toxic * 1.0 + generator.normal(size=n)
    return (np.round(score * steps) / steps if steps else score), toxic


@pytest.mark.parametrize("steps", [None, 2], ids=["no ties", "many ties"])
def test_auroc_is_scikit_learns(steps: int | None) -> None:
    score, toxic = sample(steps=steps)
    found = tell({"one": score}, toxic, [str(at) for at in range(len(toxic))], [], draws=20)["one"]
    assert found.auroc.value == pytest.approx(roc_auc_score(toxic, score))
    assert found.margin is None


@pytest.mark.parametrize("steps", [None, 2], ids=["no ties", "many ties"])
def test_recall_is_the_best_at_so_few_false_alarms(steps: int | None) -> None:
    score, toxic = sample(steps=steps)
    found = tell({"one": score}, toxic, ["all"] * len(toxic), [], draws=2)["one"].recall.value
    allowed = [
        (score[toxic] >= cut).mean() for cut in np.unique(score) if (score[~toxic] >= cut).mean() <= FALSE_ALARMS
    ]
    assert found == pytest.approx(max(allowed, default=0.0))


def test_an_interval_covers_the_truth_and_narrows_with_more_rows() -> None:
    widths = []
    for n in (300, 4800):
        score, toxic = sample(n)
        told = tell({"one": score}, toxic, [str(at) for at in range(n)], [], draws=200)["one"].auroc
        assert told.low < 0.7602 < told.high  # of two normals one deviation apart
        widths.append(told.high - told.low)
    assert widths[1] < widths[0] / 2.5


def test_groups_are_drawn_whole() -> None:
    score, toxic = sample(400)
    alone = [str(at) for at in range(400)]
    doubled = tell(
        {"one": np.repeat(score, 4)}, np.repeat(toxic, 4), [g for g in alone for _ in range(4)], [], draws=300
    )
    single = tell({"one": score}, toxic, alone, [], draws=300)
    wide, narrow = (each["one"].auroc.high - each["one"].auroc.low for each in (doubled, single))
    assert wide == pytest.approx(narrow, rel=0.05)


def test_the_margin_is_against_the_better_rival() -> None:
    score, toxic = sample()
    noise = np.random.default_rng(1).normal(size=len(score))
    told = tell(
        {"ours": score, "weak": noise, "good": score + 0.5 * noise},
        toxic,
        [str(at) for at in range(len(toxic))],
        ["weak", "good"],
        draws=100,
    )
    margin = told["ours"].margin
    assert margin is not None
    assert margin.value == pytest.approx(told["ours"].auroc.value - told["good"].auroc.value)
    assert margin.high - margin.low < told["ours"].auroc.high - told["ours"].auroc.low  # the draws are shared


def test_one_kind_of_rows_cannot_be_judged() -> None:
    with pytest.raises(BadInput, match="0 toxic of 2"):
        tell({"one": [1, 2]}, np.array([False, False]), ["a", "b"], [])
