from __future__ import annotations

import numpy as np
import pytest

from blender.training.proxy.baselines import baseline_columns, guess_baselines
from blender.training.proxy.measure import fit_of


@pytest.mark.slow
def test_each_baseline_finds_what_it_reads() -> None:
    texts = [" ".join(["word"] * (1 + at % 20)) for at in range(200)]
    vectors = np.random.default_rng(0).normal(size=(200, 8)).astype(np.float32)
    columns = baseline_columns(texts, vectors, "en")
    length = np.array([len(text) for text in texts], dtype=np.float32)
    guessed = guess_baselines(columns, np.log(length), columns)
    assert fit_of(guessed["length"], np.log(length)).spearman > 0.99
    assert np.isnan(fit_of(guessed["constant"], length).spearman)
    by_vector = guess_baselines(columns, vectors[:, 3], columns)
    assert fit_of(by_vector["ridge on the embedding"], vectors[:, 3]).r2 > 0.9
    assert fit_of(by_vector["length"], vectors[:, 3]).r2 < 0.1
