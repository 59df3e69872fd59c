"""Near-duplicates out, clusters of the embedding space, and how many to draw from each stratum."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from blender.index.collapse import same_meaning
from blender.matrix import Floats

_T = TypeVar("_T")
_STARTS = 4


def distinct(vectors: Floats, last_turns: Sequence[str], above: float) -> NDArray[np.int64]:
    """Rows that stay when of every two contexts whose cosine is ``above`` only the first does.

    Args:
        vectors: float32 (contexts, dimension), rows of length 1.
        last_turns: of each context; a question never joins a statement.
        above: the limit; at 1 all stay.
    """
    stands = same_meaning(vectors, dict(enumerate(last_turns)), 0, above)
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


def shares(sizes: Mapping[_T, int], wanted: int) -> dict[_T, int]:
    """How many to draw from each stratum, in proportion to its size, by the method of largest remainders.

    >>> shares({"a": 50, "b": 30, "c": 20}, 5)
    {'a': 3, 'b': 1, 'c': 1}
    """
    total = sum(sizes.values())
    wanted = min(wanted, total)
    exact = {stratum: wanted * size / total for stratum, size in sizes.items()}
    given = {stratum: int(share) for stratum, share in exact.items()}
    rest = wanted - sum(given.values())
    # sorted() is stable: of equal remainders the stratum that comes first gets its draw.
    for stratum in sorted(exact, key=lambda each: given[each] - exact[each])[:rest]:
        given[stratum] += 1
    return given
