"""Pairs of embeddings, and how heads are fitted to them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blender.errors import BadInput
from blender.matrix import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class FitSettings:
    """How heads are fitted.

    Attributes:
        epochs: at most; the best by the held-out loss is kept.
        batch: pairs; each pair's negatives are the other replies of its batch.
        rate: learning rate of AdamW, falling to zero along a cosine.
        decay: weight decay towards the start.
        dropout: share of the embeddings' dimensions hidden while training.
        noise: standard deviation of what is added to the embeddings while training, times their mean magnitude.
        rank: of the residual; ``None`` leaves the matrices free.
        reply: whether the reply head is trained too.
        symmetric: whether replies look for their contexts too, as in CLIP.
        patience: epochs without a better held-out loss before it stops.
        seed: of order, dropout and start.
    """

    epochs: int = 30
    batch: int = 1024
    rate: float = 1e-3
    decay: float = 0.1
    dropout: float = 0.1
    noise: float = 0.0
    rank: int | None = None
    reply: bool = True
    symmetric: bool = True
    patience: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        bad = {
            f"epochs, batch and patience must be at least 1, are {self.epochs}, {self.batch}, {self.patience}": min(
                self.epochs, self.batch, self.patience
            )
            < 1,
            f"rate must be above 0, decay and noise not below, are {self.rate}, {self.decay}, {self.noise}": (
                self.rate <= 0 or self.decay < 0 or self.noise < 0
            ),
            f"dropout must be at least 0 and below 1, is {self.dropout}": not 0 <= self.dropout < 1,
            f"rank must be at least 1, is {self.rank}": self.rank is not None and self.rank < 1,
        }
        if any(bad.values()):
            raise BadInput([text for text, wrong in bad.items() if wrong])


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """What one pass over the pairs came to; losses are mean nats of the held-out or training pairs.

    ``held_out`` is NaN where nothing was held out. Epoch 0 is the start.
    """

    epoch: int
    trained: float
    held_out: float
    scale: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pairs:
    """Contexts and replies as vectors.

    Attributes:
        queries: float32 (n, d).
        positives: float32 (n, d), the reply of each.
        negatives: float32 (n, m, d), hard negatives of each; none if ``None``.
        ids: int64 (n,), equal where positives are the same text: these are not each other's negatives.
        said: int64 (n, turns), ids of what each context itself says, -1 for none: no negatives of it either, as no
            blender would answer with them.
    """

    queries: Floats
    positives: Floats
    negatives: Floats | None = None
    ids: NDArray[np.int64] | None = None
    said: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        n = len(self.queries)
        wrong = self.queries.ndim != 2 or self.queries.shape != self.positives.shape
        wrong |= self.negatives is not None and (self.negatives.ndim != 3 or len(self.negatives) != n)
        wrong |= self.ids is not None and self.ids.shape != (n,)
        wrong |= self.said is not None and (self.said.ndim != 2 or len(self.said) != n or self.ids is None)
        if wrong or n < 2:
            raise BadInput(
                "pairs to fit need at least 2 queries and as many positives (n, d), negatives (n, m, d), ids (n,), and "
                f"said (n, turns) beside ids; got queries {self.queries.shape}, positives {self.positives.shape}, "
                f"negatives {getattr(self.negatives, 'shape', None)}, ids {getattr(self.ids, 'shape', None)}, "
                f"said {getattr(self.said, 'shape', None)}"
            )

    def __len__(self) -> int:
        return len(self.queries)

    def take(self, rows: NDArray[np.intp]) -> Pairs:
        """Some of them."""
        return Pairs(**{name: array[rows] for name, array in self.arrays.items()})

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """What there is, by name."""
        named = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: array for name, array in named.items() if array is not None}

    def not_wrong(self, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Which positives of some rows are no negatives of which of these rows, bool (rows, rows)."""
        found = np.zeros((len(rows), len(rows)), dtype=bool)
        if self.ids is not None:
            ids = self.ids[rows]
            found |= ids[:, None] == ids
            if self.said is not None:
                found |= (self.said[rows][:, :, None] == ids).any(1)
        np.fill_diagonal(found, False)
        return found
