"""The study of shortlists: what is blanked, who is kept, and that the trials are what their names say."""

from __future__ import annotations

import numpy as np

from blender.matrix import FeatureMatrix
from blender.training.cascade import ALL, DEAR, NONE, best_by, blanked, trials

POOLS = FeatureMatrix(
    values=np.array([[3, 0], [2.9, 1], [0, 9], [5, 5]], dtype=np.float32),
    columns=("length.words", "coherence.fit"),
    group_sizes=(3, 1),
)
FIRST = np.array([0.2, 0.9, 0.5, -3.0])


def test_the_best_of_each_pool_are_kept() -> None:
    assert best_by(FIRST, POOLS, 2).tolist() == [False, True, True, True]


def test_only_dear_columns_of_the_others_are_blanked() -> None:
    left = blanked(POOLS, best_by(FIRST, POOLS, 2), DEAR).values
    np.testing.assert_array_equal(left[:, 0], POOLS.values[:, 0])
    np.testing.assert_array_equal(left[:, 1], np.array([np.nan, 1, 9, 5], dtype=np.float32))


def test_the_trials_know_as_much_as_they_say() -> None:
    known = {
        name: int(np.isfinite(blanked(POOLS, trial.kept, trial.gone).column("coherence.fit")).sum())
        for name, trial in trials(FIRST, POOLS).items()
    }
    assert known[ALL] == 4
    assert known["a shortlist of 2"] == 3
    assert known[NONE] == known["without coherence"] == 0
    assert known["without states"] == 4
