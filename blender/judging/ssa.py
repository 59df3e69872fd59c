"""SSA of systems: the mean of the shares of sensible and of specific answers, with bootstrap intervals.

SSA is that of Meena (Adiwardana et al. 2020, arXiv:2001.09977). The unit of the bootstrap is the root dialog: turns of
one self-play dialog, and answers to one context, stand or fall together. Where all labels of a system are equal the
bootstrap sees no spread, and Wilson's interval for as many dialogs stands in.

Empty answers have their label before anybody is asked, so while labels are few they would outnumber the others. Each
weighs as much as the share of the system's other answers that is judged; when all are, as much as any. What is not
sensible, and so not specific, would likewise outnumber the sensible answers of which raters left open whether they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blender.errors import UnknownName
from blender.judging.answers import Answers, answers
from blender.judging.pools import LabelledPool
from blender.judging.resampling import Interval, ratios, wilson

_NO_WIDTH = 1e-9
MEASURES = ("sensible", "specific", "ssa")


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemScore:
    """One system's shares on 0..1, each with a 95 % interval; NaN where nothing was judged.

    Attributes:
        system: its name.
        sensible: mean label over its judged answers: the share of sensible ones, by human labels.
        specific: the same; an answer that is not sensible counts as not specific if the definition gates.
        ssa: mean of the two over the answers that have both.
        answers: judged ones; what the shares rest on.
        unjudged: answers without a label; left out, never counted as 0.
        dialogs: root dialogs with a judged answer; what the intervals rest on.
    """

    system: str
    sensible: Interval
    specific: Interval
    ssa: Interval
    answers: int
    unjudged: int
    dialogs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Scores of the systems on the answers of one slice.

    Attributes:
        name: of the slicing, such as ``length``, ``turn``, ``cluster``, ``language``, ``kind`` (of the source).
        value: such as ``4-6 turns``.
        systems: best SSA first.
    """

    name: str
    value: str
    systems: tuple[SystemScore, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """SSA of all systems.

    Attributes:
        definition: of the labels.
        systems: best SSA first; a system without labels last.
        slices: those of more than one value, in order of name and value.
        draws: of the bootstrap.
        seed: of the bootstrap.
    """

    definition: str
    systems: tuple[SystemScore, ...]
    slices: tuple[Slice, ...]
    draws: int
    seed: int

    def system(self, name: str) -> SystemScore:
        """One system's score.

        Raises:
            UnknownName: it gave no answer.
        """
        found = {score.system: score for score in self.systems}
        if name not in found:
            raise UnknownName("system", name, found)
        return found[name]


def ssa(pools: Sequence[LabelledPool], *, draws: int = 2000, seed: int = 0) -> Scores:
    """Sensibleness, specificity and SSA of every system (``candidate.source``), in all and by slice.

    Args:
        pools: labelled.
        draws: of the bootstrap.
        seed: of the bootstrap.

    Raises:
        BadInput: a data set has no label of sensibleness.
    """
    table = answers(pools)
    everything = np.ones(len(table.system), dtype=np.bool_)
    return Scores(
        definition=table.definition,
        systems=_systems(table, everything, draws, seed),
        slices=tuple(_by_slice(table, draws, seed)),
        draws=draws,
        seed=seed,
    )


def _by_slice(table: Answers, draws: int, seed: int) -> Iterator[Slice]:
    for name, values in sorted(table.slices.items()):
        known = sorted({value for value in values if value is not None}, key=_natural)
        for value in known if len(known) > 1 else ():
            rows = np.array([found == value for found in values])
            yield Slice(name=name, value=value, systems=_systems(table, rows, draws, seed))


def _natural(value: str) -> tuple[bool, float, str]:
    """Numbers by size ("2" before "10", "2-3 turns" before "10+ turns"), then names."""
    digits = value[: next((at for at, sign in enumerate(value) if not sign.isdecimal()), len(value))]
    return (not digits, float(digits or 0), value)


def _systems(table: Answers, rows: NDArray[np.bool_], draws: int, seed: int) -> tuple[SystemScore, ...]:
    present = np.unique(table.system[rows])
    scores = [_score(table, rows & (table.system == at), table.systems[at], draws, seed) for at in present]
    return tuple(sorted(scores, key=lambda score: -np.nan_to_num(score.ssa.value, nan=-np.inf)))


def _score(table: Answers, rows: NDArray[np.bool_], system: str, draws: int, seed: int) -> SystemScore:
    _, unit = np.unique(table.root[rows], return_inverse=True)
    values = np.stack([table.measure(name)[rows] for name in MEASURES], axis=1)
    known = ~np.isnan(values)
    weight = weights(known, table.silent[rows], values[:, 0])
    sums, counts = (np.zeros((unit.max(initial=-1) + 1, len(MEASURES))) for _ in range(2))
    np.add.at(sums, unit, weight * np.where(known, values, 0))
    np.add.at(counts, unit, weight)
    found = zip(ratios(sums, counts, draws=draws, seed=seed), (counts > 0).sum(0).tolist(), strict=True)
    sensible, specific, both = (_wide(interval, dialogs) for interval, dialogs in found)
    judged = known[:, 0]
    return SystemScore(
        system=system,
        sensible=sensible,
        specific=specific,
        ssa=both,
        answers=int(judged.sum()),
        unjudged=int((~judged).sum()),
        dialogs=len(np.unique(unit[judged])),
    )


def _wide(found: Interval, dialogs: int) -> Interval:
    return wilson(found.value, dialogs) if found.high - found.low < _NO_WIDTH else found


def weights(
    known: NDArray[np.bool_], silent: NDArray[np.bool_], sensible: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """How much each answer of a system counts: 1 if known, an empty one as much as the share of the others known.

    Args:
        known: bool (answers, measures), whether it has a value.
        silent: bool (answers,), whether it is empty, so that it has a value whatever was asked.
        sensible: float64 (answers,), the label; what is not sensible is not specific either, so that it has a value
            where raters left open whether it is. It counts as much as the share of the sensible ones known; ``None``:
            it counts as any.

    Returns:
        float64 (answers, measures).
    """
    weight = known.astype(np.float64)
    if sensible is not None and (asked := ~silent & (sensible > 0)).any():
        weight[~silent & (sensible == 0)] *= known[asked].mean(0)
    if not silent.all():
        weight[silent] *= weight[~silent].mean(0)
    return weight
