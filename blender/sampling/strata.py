"""Near-duplicates out, clusters of the embedding space, and a draw in proportion to strata."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blender.index.collapse import same_meaning
from blender.matrix import Floats

_STARTS = 4


def distinct(vectors: Floats, last_turns: Sequence[str], above: float) -> NDArray[np.int64]:
    """Rows that stay when of every two contexts whose cosine is ``above`` only the first does.

    Args:
        vectors: float32 (contexts, dimension), rows of length 1.
        last_turns: of each context; a question never joins a statement.
        above: the limit; at 1 all stay.
    """
    stands = same_meaning(vectors, last_turns, 0, above)
    return np.flatnonzero(stands == np.arange(len(stands)))


def clusters_of(vectors: Floats, count: int, seed: int) -> tuple[NDArray[np.int64], Floats]:
    """The cluster of each row, int64 (rows,), the largest being 0; and how near each is to its centre, float32 (rows,).

    k-means on vectors of length 1, in one thread, since sums in another order would give other clusters.
    """
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    count = min(count, len(np.unique(vectors, axis=0)))
    with threadpool_limits(1):  # type: ignore[no-untyped-call]
        means: Any = KMeans(count, n_init=_STARTS, random_state=seed)  # type: ignore[no-untyped-call]
        fitted = means.fit(vectors)
        distances = fitted.transform(vectors)[np.arange(len(vectors)), fitted.labels_]
    sizes = Counter(fitted.labels_.tolist())
    order = {label: rank for rank, (label, _) in enumerate(sorted(sizes.items(), key=lambda each: (-each[1], each[0])))}
    labels = np.array([order[label] for label in fitted.labels_.tolist()], dtype=np.int64)
    return labels, np.asarray(-distances, dtype=np.float32)


def systematic(strata: Sequence[Any], wanted: int, start: int) -> list[int]:
    """Rows to draw, in their order: every so many-th of the rows sorted by stratum, whose own order is kept.

    Every row is as likely to be drawn as any other, and a stratum misses its proportion by less than one; so do all
    strata that begin alike, of which rounding each by itself could leave out every one (Cochran, ch. 8).

    Args:
        strata: of each row; sorted as they are, the coarser part first.
        wanted: how many rows, at most all.
        start: where to begin, a whole number drawn from 0 up to the number of rows.

    >>> systematic(["a", "b", "a", "b"], 2, 0)
    [0, 1]
    """
    order = sorted(range(len(strata)), key=strata.__getitem__)
    wanted = min(wanted, len(order))
    return sorted(order[(at * len(order) + start) // wanted] for at in range(wanted))
