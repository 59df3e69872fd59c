"""What is judged is judged by rankers and rules that saw nothing of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from blender.training.outer import OutOfFold, across_families, in_domain
from blender.training.prepare import Prepared, prepare
from tests.training.conftest import GRID, quick, write_labels

SCORES = ("value", "linear", "sensible", "specific", "best_feature", "best_source")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """Three sets, each a family of its own."""
    folder = tmp_path_factory.mktemp("outer")
    files = [write_labels(folder, name, 30, seed=at) for at, name in enumerate(("one", "two", "three"))]
    return prepare(files, folder / "cache", annotators={"length": {}, "overlap": {}}, quiet=True)


def turned(prepared: Prepared, pools: list[int]) -> Prepared:
    """With the labels of some pools turned round."""
    rows, examples = prepared.examples.rows(pools), prepared.examples
    labels = {name: getattr(examples, name).copy() for name in ("target", "sensible", "specific")}
    for values in labels.values():
        values[rows] = 1 - values[rows]
    labelled = [
        replace(one, sensible=1 - one.sensible, specific=1 - one.specific) if at in pools else one
        for at, one in enumerate(prepared.labelled)
    ]
    return replace(prepared, examples=replace(examples, **labels), labelled=tuple(labelled))


def families(prepared: Prepared) -> OutOfFold:
    """With one family left out."""
    heads = quick(Path()).heads
    assert heads is not None
    return across_families(prepared, heads, GRID)


def test_labels_of_a_family_do_not_reach_its_own_scores(prepared: Prepared) -> None:
    own = [at for at, name in enumerate(prepared.examples.families) if name == "one"]
    rows = prepared.examples.rows(own)
    others = np.setdiff1d(np.arange(len(prepared.examples.target)), rows)
    before, after = families(prepared), families(turned(prepared, own))
    for name in SCORES:
        np.testing.assert_array_equal(getattr(before, name)[rows], getattr(after, name)[rows], err_msg=name)
    for name in ("value", "linear", "sensible", "best_feature", "best_source"):
        assert not np.array_equal(getattr(before, name)[others], getattr(after, name)[others]), name
    assert before.trials["one"] == after.trials["one"] and before.trials["two"] != after.trials["two"]


def test_in_domain_labels_of_a_fold_do_not_reach_its_own_scores(prepared: Prepared) -> None:
    found = in_domain(prepared, "one")
    first = [at for at, name in enumerate(prepared.examples.datasets) if name == "one"][:1]
    rows = prepared.examples.rows(first)
    after = in_domain(turned(prepared, first), "one")
    for name in SCORES:
        np.testing.assert_array_equal(getattr(found, name)[rows], getattr(after, name)[rows], err_msg=name)
    assert not np.array_equal(found.value, after.value, equal_nan=True)
