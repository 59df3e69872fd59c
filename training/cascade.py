"""How short may the shortlist be? Head-room where only the best candidates by the fast set's ranker are read.

    python -m blender.training.cascade DATA      # writes benchmarks/cascade.json

One family is left out at a time, settings as in ``benchmarks/frontier.json``. A ranker of the fast set makes the
shortlist, that of the default set chooses in it, as `blender.cascade` serves it. Beside it stands what happens where
the language model is late for all of a pool, or one of its annotators is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console

from blender.cascade import Cascade, shortlist
from blender.matrix import FeatureMatrix
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
from blender.training.options import LabelledSets
from blender.training.prepare import Prepared
from blender.training.public_sets import label_files, prepare_english
from blender.training.report import write_json
from blender.training.script import run

SIZES = (2, 3, 4, 5, 6, 8)
DEAR = tuple(name for name in DEFAULT if name not in FAST)
ALL = "all of the pool read"
NONE = "nothing read: the first ranker's choice"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trial:
    """A way of choosing in pools whose dear columns are not all known.

    Attributes:
        kept: bool (n_rows,): rows whose dear columns are known.
        gone: annotators whose columns are unknown in the other rows.
        cascade: whether the first ranker chooses where nothing is known; else the last one makes do.
    """

    kept: NDArray[np.bool_]
    gone: Collection[str] = DEAR
    cascade: bool = True


def blanked(matrix: FeatureMatrix, kept: NDArray[np.bool_], gone: Collection[str]) -> FeatureMatrix:
    """The matrix with NaN in the columns of the annotators ``gone``, but in the rows ``kept``."""
    columns = np.array([name.partition(".")[0] in gone for name in matrix.columns])
    values = np.where(~kept[:, None] & columns, np.float32(np.nan), matrix.values)
    return FeatureMatrix(values=values, columns=matrix.columns, group_sizes=matrix.group_sizes)


def best_by(values: NDArray[np.floating], matrix: FeatureMatrix, most: int) -> NDArray[np.bool_]:
    """The rows of the best ``most`` of each pool, bool (n_rows,)."""
    kept = np.zeros(len(matrix), dtype=bool)
    for rows in matrix.groups():
        part = values[rows]
        kept[rows.start + np.array(shortlist(part, [()] * len(part), most), dtype=np.intp)] = True
    return kept


def trials(first: NDArray[np.floating], matrix: FeatureMatrix) -> dict[str, Trial]:
    """What is tried, by name; ``first`` are the first ranker's scores of the matrix."""
    every, nothing = np.ones(len(matrix), dtype=bool), np.zeros(len(matrix), dtype=bool)
    return {
        ALL: Trial(kept=every),
        **{f"a shortlist of {most}": Trial(kept=best_by(first, matrix, most)) for most in reversed(SIZES)},
        NONE: Trial(kept=nothing),
        "nothing read, the last ranker makes do": Trial(kept=nothing, cascade=False),
        **{f"without {name}": Trial(kept=nothing, gone=(name,), cascade=False) for name in DEAR},
    }


def scores(prepared: Prepared, seed: int) -> dict[str, Doubles]:
    """Scores of every row in each trial, by rankers that saw nothing of its family."""
    whole, fast = prepared.examples, prepared.examples.with_annotators(FAST)
    settings, found = seeded(SETTINGS, seed), dict[str, Doubles]()
    for fold in one_family_out(whole):
        rows, matrix = whole.rows(fold.held_out), whole.take(fold.held_out).matrix
        last = settings.fit(whole.take(fold.train), prepared.directions)
        first = settings.fit(fast.take(fold.train), prepared.directions)
        both = Cascade(first=first, last=last, dear=DEAR)
        for name, trial in trials(first.score(matrix).value, matrix).items():
            ranker = both if trial.cascade else last
            value = ranker.score(blanked(matrix, trial.kept, trial.gone), ()).value
            found.setdefault(name, np.full(len(whole.matrix), np.nan))[rows] = value
    return found


def study(prepared: Prepared) -> dict[str, Any]:
    """Head-room recovered in each trial, and the difference to reading all, paired over contexts; for JSON."""
    by_seed = [{name: shares(prepared, one) for name, one in scores(prepared, seed).items()} for seed in range(SEEDS)]
    counted = counted_sets(prepared)
    mean: Mapping[str, Mapping[str, Doubles]] = {
        name: {kind: np.mean([one[name][kind] for one in by_seed], axis=0) for kind in counted} for name in by_seed[0]
    }
    sizes = prepared.examples.matrix.group_sizes
    return {
        "first": FAST,
        "dear": DEAR,
        "mean candidates": float(np.mean([sizes[at] for at in prepared.examples.judged()])),
        "n": {kind: int((~np.isnan(one)).sum()) for kind, one in mean[ALL].items()},
        "recovered": {
            name: {
                "mean of sets": mean_of_sets([one[kind] for kind in counted], 0),
                "less reading all": mean_of_sets([one[kind] - mean[ALL][kind] for kind in counted], 0),
                "by set": {kind: float(np.nanmean(values)) for kind, values in one.items()},
            }
            for name, one in mean.items()
        },
    }


def main(
    data: LabelledSets,
    out: Annotated[Path, typer.Option(help="Project folder: benchmarks/ is written there.")] = Path(),
) -> None:
    """Measure what a shortlist costs in head-room and write benchmarks/cascade.json."""
    prepared = prepare_english(label_files(data), DEFAULT)
    about = {
        "command": "python -m blender.training.cascade DATA",
        "seeds": list(range(SEEDS)),
        "how": "one family left out, settings fixed and alike for both rankers, mean of the seeds",
        "settings": SETTINGS,
        "fingerprints": dict(prepared.fingerprints),
    }
    found = study(prepared)
    write_json(out / "benchmarks" / "cascade.json", {**about, **found})
    for name, one in found["recovered"].items():
        Console().print(f"{100 * one['mean of sets'].value:6.1f} %  {name}", soft_wrap=True)


if __name__ == "__main__":
    run(main)
