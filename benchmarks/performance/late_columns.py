"""What to rank by when the language model is late: the default ranker over gaps, or one that never knew its columns.

    python benchmarks/performance/late_columns.py DATA      # writes benchmarks/performance/late_columns.json

One family is left out at a time, settings as in ``benchmarks/frontier.json``; the features must be in the cache, as
`make quality` leaves them. The default ranker is judged with the columns of the language model as they are, with one
annotator's NaN, and with all of them NaN; the ranker of the fast set, which never read them, beside it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from record import record

from blender.matrix import FeatureMatrix
from blender.models.cache import cache_folder
from blender.training.crossval import one_family_out
from blender.training.examples import Doubles
from blender.training.frontier import (
    DEFAULT,
    FAST,
    SEEDS,
    SETTINGS,
    counted_sets,
    mean_of_sets,
    seeded,
    shares,
)
from blender.training.prepare import Prepared, prepare
from blender.training.quality import ENGLISH, MOST_CONTEXTS, label_files

LATE = {"states": ("states",), "coherence": ("coherence",), "both": ("states", "coherence")}
REFERENCE = "default ranker, nothing late"


def blanked(matrix: FeatureMatrix, late: tuple[str, ...]) -> FeatureMatrix:
    """The matrix with NaN in the columns of ``late`` annotators."""
    gone = np.array([name.partition(".")[0] in late for name in matrix.columns])
    values = np.where(gone, np.float32(np.nan), matrix.values)
    return FeatureMatrix(values=values, columns=matrix.columns, group_sizes=matrix.group_sizes)


def scores(prepared: Prepared, seed: int) -> dict[str, Doubles]:
    """Scores of every row by rankers that saw nothing of its family."""
    whole = prepared.examples.with_annotators(DEFAULT)
    fast = prepared.examples.with_annotators(FAST)
    settings = seeded(SETTINGS, seed)
    found: dict[str, Doubles] = {}
    for fold in one_family_out(whole):
        rows, matrix = whole.rows(fold.held_out), whole.take(fold.held_out).matrix
        ranker = settings.fit(whole.take(fold.train), prepared.directions)
        smaller = settings.fit(fast.take(fold.train), prepared.directions)
        came = {
            REFERENCE: ranker.score(matrix),
            **{f"default ranker, {name} late": ranker.score(blanked(matrix, late)) for name, late in LATE.items()},
            "fast ranker": smaller.score(fast.take(fold.held_out).matrix),
        }
        for name, one in came.items():
            found.setdefault(name, np.full(len(whole.matrix), np.nan))[rows] = one.value
    return found


def compared(prepared: Prepared) -> dict[str, Any]:
    """Head-room recovered by each, and the difference to nothing late and to the fast ranker, paired over contexts."""
    by_seed = [{name: shares(prepared, one) for name, one in scores(prepared, seed).items()} for seed in range(SEEDS)]
    counted = counted_sets(prepared)
    mean: dict[str, dict[str, Doubles]] = {
        name: {kind: np.mean([one[name][kind] for one in by_seed], axis=0) for kind in counted} for name in by_seed[0]
    }

    def less(one: Mapping[str, Doubles], other: Mapping[str, Doubles]) -> dict[str, float]:
        return asdict(mean_of_sets([one[kind] - other[kind] for kind in counted], 0))

    return {
        "contexts": {kind: int((~np.isnan(mean[REFERENCE][kind])).sum()) for kind in counted},
        "recovered": {
            name: {
                "mean of sets": asdict(mean_of_sets([one[kind] for kind in counted], 0)),
                f"less {REFERENCE}": less(one, mean[REFERENCE]),
                "less fast ranker": less(one, mean["fast ranker"]),
            }
            for name, one in mean.items()
        },
    }


def main(data: str) -> None:
    """Measure, print and write."""
    prepared = prepare(
        label_files(Path(data)),
        cache_folder() / "features",
        annotators={name: {} for name in DEFAULT},
        locale=ENGLISH,
        most=MOST_CONTEXTS,
    )
    command = "python benchmarks/performance/late_columns.py DATA"
    print(record("late_columns", command=command, seed=0, values=compared(prepared)).read_text())


if __name__ == "__main__":
    main(sys.argv[1])
