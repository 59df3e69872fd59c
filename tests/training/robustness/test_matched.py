"""Bands of like length, and head-room inside them, on pools whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender.errors import BadInput
from blender.judging.pools import LabelledPool, judged
from blender.records import Candidate, Dialog, Pool
from blender.training.robustness.matched import CALIPER, SLACK, bands, matched


def pool_of(at: int, lengths: list[int], values: list[float]) -> LabelledPool:
    candidates = tuple(Candidate(text="word " * n, source=f"s{i}") for i, n in enumerate(lengths))
    nothing = judged([None] * len(values))
    return LabelledPool(
        pool=Pool(dialog=Dialog.of([f"Question {at}?"], id=f"d{at}"), candidates=candidates),
        dataset="made",
        family="made",
        sensible=judged(values),
        specific=nothing,
        overall=nothing,
    )


def made(contexts: int = 200, seed: int = 0) -> tuple[list[LabelledPool], dict[str, list[np.ndarray]]]:
    """Worth is length and something else: what is known of each alone is known."""
    generator = np.random.default_rng(seed)
    pools, scores = [], {name: list[np.ndarray]() for name in ("worth", "longest", "rest", "level")}
    for at in range(contexts):
        lengths = generator.integers(2, 40, 8)
        rest = generator.random(8)
        values = 0.5 * lengths / 40 + 0.5 * rest
        pools.append(pool_of(at, lengths.tolist(), values.tolist()))
        for name, given_scores in (("worth", values), ("longest", lengths), ("rest", rest), ("level", np.zeros(8))):
            scores[name].append(given_scores.astype(np.float64))
    return pools, scores


def test_at_matched_length_length_is_worth_little_and_the_rest_all_but_everything() -> None:
    found = matched(*made()).recovered
    assert found["worth"].value == pytest.approx(1)
    assert found["rest"].value > 0.9
    assert abs(found["longest"].value) < 0.3
    assert found["level"].value == pytest.approx(0, abs=1e-9)
    assert found["level"].low == pytest.approx(0, abs=1e-9)


@given(st.lists(st.integers(0, 60), max_size=12))
def test_bands_are_the_largest_groups_within_the_caliper(lengths: list[int]) -> None:
    found = [frozenset(band.tolist()) for band in bands(lengths)]
    for band in found:
        long = [lengths[at] for at in band]
        assert len(band) > 1
        assert max(long) <= max(CALIPER * min(long), min(long) + SLACK)
        assert not any(band < other for other in found)
    alike = {
        frozenset((a, b))
        for a in range(len(lengths))
        for b in range(a)
        if max(lengths[a], lengths[b])
        <= max(CALIPER * min(lengths[a], lengths[b]), min(lengths[a], lengths[b]) + SLACK)
    }
    assert all(any(pair <= band for band in found) for pair in alike)


def test_a_context_counts_once_however_many_bands_it_has() -> None:
    one_band = pool_of(0, [10, 10, 30], [0.0, 1.0, 0.5])
    three_bands = pool_of(1, [5, 5, 15, 15, 40, 40], [0.0, 1.0] * 3)
    scores = [np.array([1.0, 0, 0]), np.array([0.0, 1] * 3)]
    found = matched([one_band, three_bands], {"made": scores})
    assert (found.contexts, found.bands) == (2, 4)
    assert found.recovered["made"].value == pytest.approx(0)  # -1 of the first, +1 of the second
    assert np.isnan(found.ceiling)


def test_pools_without_candidates_of_like_length_are_refused() -> None:
    with pytest.raises(BadInput, match="no pool holds two candidates of like length"):
        matched([pool_of(0, [3, 9, 27], [0.0, 0.5, 1.0])], {})
