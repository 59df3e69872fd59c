from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from blender.errors import BadInput
from blender.index.settings import IndexKind
from blender.index.vectors import VectorIndex, choose_kind, tuned
from blender.matrix import Floats


def directions(count: int, dimension: int = 32, seed: int = 0) -> Floats:
    """Clustered, as embeddings are; the clusters are the same whatever the seed."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(100, dimension))
    made = centres[rng.integers(100, size=count)] + 0.4 * rng.normal(size=(count, dimension))
    return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), dtype=np.float32)


@pytest.mark.parametrize(
    ("count", "kind"), [(1, "flat"), (50_000, "flat"), (50_001, "fastscan"), (10_000_000, "fastscan")]
)
def test_size_chooses_the_index(count: int, kind: str) -> None:
    assert choose_kind(count) == kind


def test_the_index_can_be_set() -> None:
    assert choose_kind(10, "hnsw") == "hnsw"
    assert choose_kind(100_000, "flat") == "flat"
    for kind in ("ivfpq", "fastscan"):
        with pytest.raises(BadInput, match=f"{kind} needs at least 10,000"):
            choose_kind(9_999, kind)


@pytest.fixture(scope="module")
def made() -> dict[IndexKind, VectorIndex]:
    """Every kind over the same 20,000 vectors, those kept for re-ranking at half precision."""
    vectors = directions(20_000).astype(np.float16)
    return {kind: VectorIndex(vectors, kind) for kind in get_args(IndexKind)}


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "recall"), [("flat", 1.0), ("hnsw", 0.97), ("ivfpq", 0.9), ("fastscan", 0.99)])
def test_every_kind_finds_the_nearest_with_exact_scores(
    made: dict[IndexKind, VectorIndex], kind: IndexKind, recall: float
) -> None:
    vectors, queries = directions(20_000).astype(np.float16).astype(np.float32), directions(50, seed=1)
    scores, rows = made[kind].search(queries, 10)
    exact = queries @ vectors.T
    best = np.argsort(-exact, axis=1)[:, :10]
    hits = sum(len(set(mine) & set(true)) for mine, true in zip(rows.tolist(), best.tolist(), strict=True))
    assert hits >= recall * 500
    np.testing.assert_allclose(scores, np.take_along_axis(exact, rows, axis=1), atol=1e-6)
    assert (np.diff(scores, axis=1) <= 0).all()


@pytest.mark.slow
def test_bytes_of_a_vector_in_memory(made: dict[IndexKind, VectorIndex]) -> None:
    import faiss

    size = {kind: len(faiss.serialize_index(each._index)) / 20_000 for kind, each in made.items()}
    assert size["flat"] == pytest.approx(4 * 32, abs=1)
    # 16 codes of 4 bits and a row number of 8 bytes, lists filled up to 32, centroids and their graph
    assert 16 < size["fastscan"] < 40
    assert size["fastscan"] < size["flat"] / 3


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["hnsw", "ivfpq", "fastscan"])
def test_an_index_read_back_finds_the_same(made: dict[IndexKind, VectorIndex], tmp_path: Path, kind: IndexKind) -> None:
    import faiss

    faiss.write_index(made[kind]._index, str(tmp_path / "kept.faiss"))
    read = tuned(faiss.read_index(str(tmp_path / "kept.faiss")), kind)
    queries = directions(20, seed=3)
    again = VectorIndex(made[kind]._vectors, kind, read).search(queries, 10)
    for old, new in zip(made[kind].search(queries, 10), again, strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.slow
def test_the_graph_over_the_lists_does_not_limit_how_many_are_read(made: dict[IndexKind, VectorIndex]) -> None:
    index, query = made["fastscan"]._index, directions(1, seed=4)
    found = index.quantizer.search(query, index.nprobe)[1][0]
    assert (found >= 0).sum() == len(set(found.tolist())) == index.nprobe > 16


@pytest.mark.slow
def test_vectors_of_odd_length_can_be_compressed() -> None:
    vectors = directions(10_000, dimension=15)
    assert (VectorIndex(vectors, "fastscan").search(vectors[:20], 1)[1][:, 0] == np.arange(20)).all()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["flat", "fastscan"])
def test_a_batch_gives_what_each_query_gives_alone(made: dict[IndexKind, VectorIndex], kind: IndexKind) -> None:
    queries = directions(64, seed=2)
    scores, rows = made[kind].search(queries, 7)
    for at, query in enumerate(queries):
        alone = made[kind].search(query[None], 7)
        np.testing.assert_array_equal(alone[0][0], scores[at])
        np.testing.assert_array_equal(alone[1][0], rows[at])


def test_fewer_vectors_than_asked_for() -> None:
    scores, rows = VectorIndex(directions(2), "flat").search(directions(1), 4)
    assert (rows[0, :2] >= 0).all()
    assert rows[0, 2:].tolist() == [-1, -1]
    assert np.isnan(scores[0, 2:]).all()
    assert VectorIndex(directions(0), "flat").search(directions(1), 2)[1].tolist() == [[-1, -1]]
