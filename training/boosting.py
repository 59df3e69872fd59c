"""What LightGBM is told wherever trees are grown here."""

from __future__ import annotations

from typing import Any, Protocol

THREADS = 1  # the sets are small: threads cost more than they save, and one is deterministic everywhere


class TreeShape(Protocol):
    """How trees grow: fields of the settings of orders and of heads."""

    @property
    def leaves(self) -> int:
        """Of each tree."""
        ...

    @property
    def rate(self) -> float:
        """Learning rate."""
        ...

    @property
    def smallest_leaf(self) -> int:
        """Rows in a leaf at least."""
        ...

    @property
    def l2(self) -> float:
        """Penalty on leaf values."""
        ...


def tree_parameters(objective: str, shape: TreeShape, seed: int) -> dict[str, Any]:
    """LightGBM's parameters that orders and heads have in common: slow, shallow, bagged, and the same every time."""
    return {
        "objective": objective,
        "num_leaves": shape.leaves,
        "learning_rate": shape.rate,
        "min_data_in_leaf": shape.smallest_leaf,
        "lambda_l2": shape.l2,
        "feature_fraction": 0.5,
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": THREADS,
        "verbose": -1,
    }
