"""How far probabilities can be trusted on data that was left out, label by label and set by set."""

from __future__ import annotations

import numpy as np

from blender.judging.calibration import Reliability, measure
from blender.training.examples import Examples, once
from blender.training.outer import OutOfFold


def reliability(examples: Examples, found: OutOfFold) -> dict[str, dict[str, Reliability]]:
    """By label, then by data set; rows without a label or without a probability are left out."""
    names = np.repeat(np.array(examples.datasets, dtype=object), examples.matrix.group_sizes)
    pairs = {"sensible": (found.sensible, examples.sensible), "specific": (found.specific, examples.specific)}
    seen = np.zeros(len(names), dtype=bool)
    seen[examples.rows(once(examples.views))] = True
    table: dict[str, dict[str, Reliability]] = {}
    for label, (given, truth) in pairs.items():
        known = seen & ~(np.isnan(given) | np.isnan(truth))
        for name in dict.fromkeys(names[known]):
            rows = known & (names == name)
            table.setdefault(label, {})[str(name)] = measure(given[rows], truth[rows])
    return table
