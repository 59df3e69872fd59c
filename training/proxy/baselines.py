"""What a proxy must beat: the mean, the length, how frequent the words are, and a ridge on the sentence embedding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.linear_model import Ridge

from blender.matrix import Floats
from blender.models.proxy_pieces import FACTS, cut

_ZIPF = 0


def columns_of(texts: Sequence[str], language: str) -> Floats:
    """A dozen and two columns of a phrase: log of its pieces and their inverse, and the means of their facts."""
    pieces = cut(texts, language)
    sums = np.zeros((len(texts), FACTS), dtype=np.float32)
    np.add.at(sums, pieces.rows, pieces.facts)
    count = np.maximum(pieces.sizes, 1)[:, None]
    return np.concatenate([np.log(count), 1 / count, sums / count], axis=1).astype(np.float32)


def baseline_columns(texts: Sequence[str], vectors: Floats, language: str) -> Mapping[str, Floats]:
    """What each baseline reads, by its name, float32 (texts, any)."""
    columns = columns_of(texts, language)
    return {
        "length": columns[:, :2],
        "mean word frequency": columns[:, 2 + _ZIPF : 3 + _ZIPF],
        "ridge on columns": columns,
        "ridge on the embedding": vectors * np.sqrt(vectors.shape[1]),
        "ridge on embedding and columns": np.concatenate([vectors * np.sqrt(vectors.shape[1]), columns], axis=1),
    }


def guess_baselines(train: Mapping[str, Floats], truth: Floats, others: Mapping[str, Floats]) -> dict[str, Floats]:
    """Fit each baseline on ``train`` and guess for ``others``; the mean of the truth is one of them.

    Args:
        train: from ``baseline_columns``.
        truth: nats per token of the same phrases.
        others: from ``baseline_columns``.
    """
    rows = len(next(iter(others.values())))
    found = {"constant": np.full(rows, truth.mean(), dtype=np.float32)}
    make: Any = Ridge  # it carries no types
    for name, columns in train.items():
        found[name] = make(alpha=10.0).fit(columns, truth).predict(others[name]).astype(np.float32)
    return found
