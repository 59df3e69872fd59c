from __future__ import annotations

import numpy as np
import pytest

from blender.errors import BadInput
from blender.index.settings import IndexKind
from blender.index.vectors import VectorIndex, choose_kind
from blender.matrix import Floats


def directions(count: int, dimension: int = 32, seed: int = 0) -> Floats:
    """Clustered, as embeddings are."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(100, dimension))
    made = centres[rng.integers(100, size=count)] + 0.4 * rng.normal(size=(count, dimension))
    return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), dtype=np.float32)


@pytest.mark.parametrize(
    ("count", "kind"), [(1, "flat"), (50_000, "flat"), (50_001, "hnsw"), (1_000_000, "hnsw"), (1_000_001, "ivfpq")]
)
def test_size_chooses_the_index(count: int, kind: str) -> None:
    assert choose_kind(count) == kind


def test_the_index_can_be_set() -> None:
    assert choose_kind(10, "hnsw") == "hnsw"
    assert choose_kind(100_000, "flat") == "flat"
    with pytest.raises(BadInput, match="at least 10,000"):
        choose_kind(9_999, "ivfpq")


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "recall"), [("flat", 1.0), ("hnsw", 0.97), ("ivfpq", 0.9)])
def test_every_kind_finds_the_nearest_with_exact_scores(kind: IndexKind, recall: float) -> None:
    vectors, queries = directions(10_000), directions(50, seed=1)
    scores, rows = VectorIndex(vectors, kind).search(queries, 10)
    exact = queries @ vectors.T
    best = np.argsort(-exact, axis=1)[:, :10]
    shared = [len(set(mine) & set(true)) for mine, true in zip(rows.tolist(), best.tolist(), strict=True)]
    assert np.mean(shared) / 10 >= recall
    np.testing.assert_allclose(scores, np.take_along_axis(exact, rows, axis=1), atol=1e-6)
    assert (np.diff(scores, axis=1) <= 0).all()


def test_a_batch_gives_what_each_query_gives_alone() -> None:
    index, queries = VectorIndex(directions(500).astype(np.float16), "flat"), directions(64, seed=2)
    scores, rows = index.search(queries, 7)
    for at, query in enumerate(queries):
        alone = index.search(query[None], 7)
        np.testing.assert_array_equal(alone[0][0], scores[at])
        np.testing.assert_array_equal(alone[1][0], rows[at])


def test_fewer_vectors_than_asked_for() -> None:
    scores, rows = VectorIndex(directions(2), "flat").search(directions(1), 4)
    assert (rows[0, :2] >= 0).all()
    assert rows[0, 2:].tolist() == [-1, -1]
    assert np.isnan(scores[0, 2:]).all()
    assert VectorIndex(directions(0), "flat").search(directions(1), 2)[1].tolist() == [[-1, -1]]
