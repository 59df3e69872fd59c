"""What LightGBM is told wherever trees are grown here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from blender.training.fit import OrderSettings
    from blender.training.heads import HeadSettings

THREADS = 1  # the sets are small: threads cost more than they save, and one is deterministic everywhere


def tree_parameters(objective: str, shape: OrderSettings | HeadSettings, seed: int) -> dict[str, Any]:
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
