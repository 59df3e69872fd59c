"""What the learned ranker is compared with: rules may read columns that it does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from blender.training.compare import policy_scores
from blender.training.known_sources import knowing_sources
from blender.training.prepare import prepare
from tests.training.conftest import unscored, write_labels


def test_one_set_may_be_judged_with_its_sources_known(tmp_path: Path) -> None:
    files = [write_labels(tmp_path, name, seed=at) for at, name in enumerate(("one", "two"))]
    prepared = prepare(files, tmp_path / "cache", annotators={"length": {}}, beside=["overlap"], quiet=True)
    knowing = knowing_sources(prepared, "two")
    assert set(knowing.examples.datasets) == {"two"} == {each.dataset for each in knowing.labelled}
    matrix = knowing.examples.matrix
    known = [f"source.{name}" for name in ("alpha", "beta", "delta", "gamma")]
    assert [name for name in matrix.columns if name.startswith("source.")] == known
    made = [each.source for labelled in knowing.labelled for each in labelled.pool.candidates]
    np.testing.assert_array_equal(matrix.column("source.beta"), np.array([name == "beta" for name in made]))


def test_rules_read_columns_that_the_ranker_does_without(tmp_path: Path) -> None:
    files = [write_labels(tmp_path)]
    own = prepare(files, tmp_path, annotators={"overlap": {}}, quiet=True)
    both = prepare(files, tmp_path, annotators={"overlap": {}}, beside=("length", "overlap"), quiet=True)
    assert both.examples.matrix.columns == own.examples.matrix.columns
    np.testing.assert_array_equal(both.examples.matrix.values, own.examples.matrix.values)
    assert both.annotators.keys() == {"overlap"} == both.fingerprints.keys()
    pools = range(len(both.examples))
    assert "longest" not in policy_scores(own, unscored(own.examples), pools)
    longest = policy_scores(both, unscored(both.examples), pools)["longest"]
    assert both.beside is not None
    np.testing.assert_array_equal(longest, both.beside.matrix.column("length.words"))
