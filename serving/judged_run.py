"""A finished run over labelled pools, read back from its file of answers, and the policies to compare it with.

Since it is the file that is read, a run that was killed and resumed is judged as one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blender.baselines import RANKERS
from blender.fusion import ANNOTATORS_READ
from blender.judging.policies import best_feature, best_source, one_source_each
from blender.judging.pools import LabelledPool
from blender.matrix import FeatureMatrix
from blender.records import MACHINE_KINDS
from blender.roles import Ranker
from blender.serving.record import AnswerRecord, read_answers

BLENDER = "this blender"
Doubles = NDArray[np.float64]
Policies = dict[str, list[Doubles]]


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedRun:
    """What a run said of labelled pools.

    Attributes:
        labelled: the pools.
        matrix: their features as the run measured them, rows in the order of the pools.
        chosen: float64 (candidates,) per pool: the run's score, -inf where it blocked; all level where it abstained,
            which counts as a blind choice.
        lamda: float64 (candidates,) per pool, 3 P(sensible) + P(specific); ``None`` without such probabilities.
        abstained: how many pools it gave the answer of last resort to.
    """

    labelled: list[LabelledPool]
    matrix: FeatureMatrix
    chosen: list[Doubles]
    lamda: list[Doubles] | None
    abstained: int

    def machine_only(self) -> JudgedRun | None:
        """The same with the candidates of machines alone; ``None`` if those are all of them, or none."""
        keep = [[c.kind in MACHINE_KINDS for c in each.pool.candidates] for each in self.labelled]
        flat = np.array([kept for each in keep for kept in each], dtype=bool)
        if flat.all() or not flat.any():
            return None
        return JudgedRun(
            labelled=[each.machine_only() for each in self.labelled],
            matrix=self.matrix.at(np.flatnonzero(flat)),
            chosen=[values[each] for values, each in zip(self.chosen, keep, strict=True)],
            lamda=self.lamda and [values[each] for values, each in zip(self.lamda, keep, strict=True)],
            abstained=self.abstained,
        )


def read_run(labelled: list[LabelledPool], answers: Path) -> JudgedRun:
    """What the run said of each labelled pool, from its file of answers (one line a pool, in order)."""
    columns: tuple[str, ...] = ()
    rows: list[list[float]] = []
    chosen: list[Doubles] = []
    lamda: list[Doubles] = []
    abstained = 0
    for record in read_answers(answers):
        for each in record.pool:
            columns = columns or tuple(each.features)
            rows.append([_number(each.features[name]) for name in columns])
        chosen.append(_chosen(record))
        lamda.append(np.array([3 * _number(c.sensible) + _number(c.specific) for c in record.pool], dtype=np.float64))
        abstained += record.winner is None
    known = bool(rows) and not any(np.isnan(values).any() for values in lamda)
    return JudgedRun(
        labelled=labelled,
        matrix=FeatureMatrix(
            values=np.array(rows, dtype=np.float32).reshape(len(rows), len(columns)),
            columns=columns,
            group_sizes=tuple(len(each) for each in labelled),
        ),
        chosen=chosen,
        lamda=lamda if known else None,
        abstained=abstained,
    )


def policies(run: JudgedRun) -> Policies:
    """Scores by policy: the run's own, and every baseline that can be had from what it measured.

    ``best source`` and ``best feature`` are picked by labels: on every other pool, for the rest, and the reverse.
    """
    # All level is a fair draw; drawing would only add noise to the same expectation.
    found: Policies = {BLENDER: run.chosen, "random": [np.zeros(len(each)) for each in run.labelled]}
    for name, rule in _rules(run.matrix).items():
        found[name] = _scored(rule, run.labelled, run.matrix)
    if run.lamda is not None:
        found["lamda"] = run.lamda
    found |= one_source_each(run.labelled)
    if len(run.labelled) > 1:
        found["best source"] = _crossed(run, lambda pools, _: best_source(pools))
        if run.matrix.columns:
            found["best feature"] = _crossed(run, best_feature)
    return found


def _rules(matrix: FeatureMatrix) -> dict[str, Ranker]:
    rules: dict[str, Ranker] = {}
    for name in ("longest", "shortest", "perplexity"):
        rule = RANKERS.build(name)
        if _measured(matrix, rule.column):
            rules[name] = rule
    annotators = [name for name in ANNOTATORS_READ if _measured(matrix, f"{name}.")]
    if len(annotators) > 1:
        rules |= {name: RANKERS.build(name, {"annotators": annotators}) for name in ("average", "rrf")}
    return rules


def _measured(matrix: FeatureMatrix, prefix: str) -> bool:
    """Whether the run measured anything in the columns that begin so."""
    return any(not np.isnan(matrix.column(name)).all() for name in matrix.columns if name.startswith(prefix))


def _crossed(run: JudgedRun, fit: Callable[[Sequence[LabelledPool], FeatureMatrix], Ranker]) -> list[Doubles]:
    """Scores of a rule that is picked by labels: picked on every other pool, judged on the rest, and the reverse."""
    scores: list[Doubles] = [np.zeros(0)] * len(run.labelled)
    halves = [list(range(start, len(run.labelled), 2)) for start in (0, 1)]
    for picked, judged in (halves, halves[::-1]):
        rule = fit([run.labelled[at] for at in picked], run.matrix.take(picked))
        part = [run.labelled[at] for at in judged]
        for at, values in zip(judged, _scored(rule, part, run.matrix.take(judged)), strict=True):
            scores[at] = values
    return scores


def _scored(rule: Ranker, labelled: Sequence[LabelledPool], matrix: FeatureMatrix) -> list[Doubles]:
    values = rule.score(matrix, [each.pool for each in labelled]).value.astype(np.float64)
    return [values[rows] for rows in matrix.groups()]


def _chosen(record: AnswerRecord) -> Doubles:
    if record.winner is None:
        return np.zeros(len(record.pool))
    return np.array([-np.inf if each.blocked else _number(each.value) for each in record.pool], dtype=np.float64)


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
