"""Hard negatives: replies that the retriever as it is puts high and that are not the true one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from blender.index.heads import Heads
from blender.index.vectors import VectorIndex
from blender.training.tune.fitting import Pairs

TOO_NEAR = 0.9
"""Cosine to the true reply from which on a reply may be as good, and is no negative."""
_AMONG = 10_000


def mined(pairs: Pairs, heads: Heads, count: int, seed: int = 0) -> Pairs:
    """The pairs with ``count`` hard negatives each, from a sample of 10,000 of their own replies.

    A negative is neither the true reply's text, nor so near to it that it may be as good, nor what the context itself
    says. Drawn at random among the highest 50, since the very highest are often good answers too (RocketQA,
    arXiv:2010.08191).
    """
    generator = np.random.default_rng(seed)
    some = np.sort(generator.permutation(len(pairs))[:_AMONG])
    ids = np.arange(len(pairs)) if pairs.ids is None else pairs.ids
    index = VectorIndex(heads.replies(pairs.positives[some]), "flat")
    wide = min(len(some), 50)
    _, found = index.search(heads.queries(pairs.queries), wide)
    rows = np.empty((len(pairs), count), dtype=np.int64)
    for at, near in enumerate(some[found]):
        rows[at] = _chosen(near, at, pairs, ids, count, generator)
    return replace(pairs, negatives=pairs.positives[rows])


def _chosen(
    near: NDArray[np.int64], at: int, pairs: Pairs, ids: NDArray[np.int64], count: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    cosines = pairs.positives[near] @ pairs.positives[at]
    lengths = np.linalg.norm(pairs.positives[near], axis=1) * np.linalg.norm(pairs.positives[at])
    own = [ids[at], *(() if pairs.said is None else pairs.said[at])]
    apart = near[~np.isin(ids[near], own) & (cosines < TOO_NEAR * lengths)]
    if len(apart) < count:  # a tiny or repetitive corpus: anything else of it
        others = np.flatnonzero(~np.isin(ids, own))
        apart = np.concatenate([apart, generator.choice(others if len(others) else near, count)])
    return np.asarray(generator.choice(apart, count, replace=False), dtype=np.int64)
