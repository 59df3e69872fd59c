from __future__ import annotations

import subprocess
import sys

import lightgbm
import numpy as np
import pytest
from numpy.typing import NDArray

from blender.errors import BadBundle
from blender.forest import Forest
from blender.tree_text import columns_of

NAMES = ["a.x", "b.y~z", "c.z~rank"]


def trained(seed: int, missing: float, **more: object) -> lightgbm.Booster:
    """A small model of rows some of whose values are unknown."""
    rng = np.random.default_rng(seed)
    rows = some_rows(rng, 400, missing)
    label = np.nan_to_num(rows[:, 0]) + np.nan_to_num(rows[:, 1]) ** 2 + rng.normal(size=400)
    data = lightgbm.Dataset(rows, label=label, feature_name=NAMES)
    settings = {"objective": "regression", "verbose": -1, "seed": seed, "num_leaves": 7, "num_threads": 1, **more}
    return lightgbm.train(settings, data, 20)


def some_rows(rng: np.random.Generator, count: int, missing: float) -> NDArray[np.float32]:
    rows = rng.normal(size=(count, len(NAMES))).astype(np.float32)
    rows[rng.random(rows.shape) < missing] = np.nan
    rows[:, 2] = np.round(rows[:, 2])  # zeros among them
    return rows


@pytest.mark.parametrize("missing", [0.0, 0.3])
@pytest.mark.parametrize("more", [{}, {"zero_as_missing": True}, {"use_missing": False}])
def test_the_numbers_are_those_of_lightgbms_own_package(missing: float, more: dict[str, object]) -> None:
    boosters = [trained(seed, missing, **more) for seed in (1, 2, 3)]
    forest = Forest([booster.model_to_string() for booster in boosters])
    rows = some_rows(np.random.default_rng(9), 50, 0.2)
    expected = np.sum([np.asarray(booster.predict(rows, raw_score=True)) for booster in boosters], axis=0)
    np.testing.assert_allclose(forest.predict(rows), expected, rtol=1e-12)
    np.testing.assert_allclose(forest.predict(np.asfortranarray(rows)), expected, rtol=1e-12)
    parts = [np.asarray(booster.predict(rows, pred_contrib=True))[:, :-1] for booster in boosters]
    np.testing.assert_allclose(forest.contributions(rows), np.sum(parts, axis=0), rtol=1e-9, atol=1e-12)


def test_the_text_of_a_forest_is_a_model_again() -> None:
    forest = Forest([trained(seed, 0.1).model_to_string() for seed in (1, 2)])
    rows = some_rows(np.random.default_rng(9), 50, 0.2)
    again = Forest([forest.to_text()])
    assert again.columns == forest.columns == tuple(NAMES)
    np.testing.assert_allclose(again.predict(rows), forest.predict(rows), rtol=1e-12)


def test_what_is_no_model_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    whole = trained(1, 0.0).model_to_string()
    for text in ("", "nonsense", whole[: len(whole) // 2]):
        with pytest.raises(BadBundle, match="not a LightGBM model"):
            Forest([text])
    with pytest.raises(ValueError, match="trees of 3 columns were given 2"):
        Forest([whole]).predict(np.zeros((4, 2), dtype=np.float32))
    assert columns_of("nonsense") == ()
    assert capfd.readouterr() == ("", ""), "LightGBM itself was not asked"


def test_scoring_imports_neither_scikit_learn_nor_scipy() -> None:
    """Their import took a fifth of the time that loading a blender took."""
    asked = (
        "import sys; from pathlib import Path; import blender; from blender.bundle import load_bundle;"
        "load_bundle(Path(blender.__file__).parent / 'bundles' / 'default');"
        "print(*({'sklearn', 'scipy', 'lightgbm', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True, text=True)
    assert done.stdout.split() == []
