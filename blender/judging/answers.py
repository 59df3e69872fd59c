"""Labelled pools as a flat table: an answer a row, with its system, its root dialog, its labels and its slices."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blender.errors import BadInput
from blender.judging.pools import LabelledPool
from blender.judging.resampling import numbered
from blender.judging.target import GATED, MEAN, SENSIBLE, gated, stated_specific, target_name
from blender.matrix import Doubles
from blender.sampling.lengths import length_slice

Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answers:
    """Answers of systems, one a row.

    Attributes:
        definition: what the two labels are, for the head of a table.
        systems: names, in order of first appearance.
        system: (answers,) places in ``systems``.
        roots: (data set, root dialog); turns of one self-play dialog have one root.
        root: (answers,) places in ``roots``.
        sensible: float64 (answers,) on 0..1; NaN = not judged.
        specific: the same; 0 where not sensible, if the definition gates.
        silent: bool (answers,), whether the answer has no words: its label is known without asking anybody.
        slices: by name, the value of every answer; ``None`` where it belongs to none.
    """

    definition: str
    systems: tuple[str, ...]
    system: Places
    roots: tuple[tuple[str, str], ...]
    root: Places
    sensible: Doubles
    specific: Doubles
    silent: NDArray[np.bool_]
    slices: Mapping[str, tuple[str | None, ...]]

    def measure(self, name: str) -> Doubles:
        """``sensible``, ``specific`` or ``ssa`` (the mean of the two) of every answer; NaN = not judged.

        Raises:
            BadInput: the name is another.
        """
        table = {"sensible": self.sensible, "specific": self.specific, "ssa": (self.sensible + self.specific) / 2}
        if name not in table:
            raise BadInput(f"unknown measure {name!r}; known are {', '.join(table)}")
        return table[name]


def root_of(labelled: LabelledPool) -> tuple[str, str]:
    """Data set and root dialog: the unit of every bootstrap and pairing."""
    return labelled.dataset, labelled.slices.get("dialog", labelled.pool.dialog.id)


def answers(pools: Sequence[LabelledPool]) -> Answers:
    """All candidates of labelled pools as answers of the systems that their ``source`` names.

    A candidate without label stays, as not judged. The labels are the first that each data set allows
    (`blender.judging.target`); where that is ``sensible`` alone, specific is NaN.

    Raises:
        BadInput: a data set has no label of sensibleness.
    """
    names = _definitions(pools)
    rows = [(labelled, candidate) for labelled in pools for candidate in labelled.pool.candidates]
    system, systems = numbered([candidate.source for _, candidate in rows])
    root, roots = numbered([root_of(labelled) for labelled, _ in rows])
    labels = [_LABELS[names[each.dataset]](each) for each in pools]
    return Answers(
        definition=_described(pools, names),
        systems=tuple(systems),
        system=system,
        roots=tuple(roots),
        root=root,
        sensible=_joined([one for one, _ in labels]),
        specific=_joined([other for _, other in labels]),
        silent=np.array([not candidate.text.strip() for _, candidate in rows], dtype=np.bool_),
        slices=_slices([slices_of(labelled) | {"kind": candidate.kind} for labelled, candidate in rows]),
    )


def slices_of(labelled: LabelledPool) -> dict[str, str]:
    """The slices a context belongs to; its language and length are added where they are not stated."""
    stated = {name: value for name, value in labelled.slices.items() if name != "dialog"}
    dialog = labelled.pool.dialog
    return {"dataset": labelled.dataset, "language": dialog.locale, "length": length_slice(len(dialog.turns))} | stated


def _definitions(pools: Sequence[LabelledPool]) -> dict[str, str]:
    datasets = dict.fromkeys(labelled.dataset for labelled in pools)
    names = {name: target_name([labelled for labelled in pools if labelled.dataset == name]) for name in datasets}
    missing = [name for name, found in names.items() if found not in _LABELS]
    if missing:
        raise BadInput([f"{name} has no label of sensibleness; SSA needs sensible and specific" for name in missing])
    return names


def _described(pools: Sequence[LabelledPool], names: Mapping[str, str]) -> str:
    told = [names[labelled.dataset] + (f", {labelled.aggregated}" if labelled.aggregated else "") for labelled in pools]
    return "; ".join(dict.fromkeys(told))


def _gated(labelled: LabelledPool) -> tuple[Doubles, Doubles]:
    """Means over the raters whose SSA is known, so that SSA is the mean of the two shares."""
    ratings = labelled.by_rater
    if ratings is None:
        return _stated(labelled)
    s, c = ratings.sensible.astype(np.float64), gated(ratings.sensible, ratings.specific).astype(np.float64)
    known = ~np.isnan(c)
    count = known.sum(0)
    means = [np.where(known, values, 0).sum(0) / np.maximum(count, 1) for values in (s, c)]
    return np.where(count > 0, means[0], np.nan), np.where(count > 0, means[1], np.nan)


def _stated(labelled: LabelledPool) -> tuple[Doubles, Doubles]:
    return labelled.sensible.astype(np.float64), stated_specific(labelled).astype(np.float64)


_LABELS: dict[str, Callable[[LabelledPool], tuple[Doubles, Doubles]]] = {
    GATED: _gated,
    MEAN: _stated,
    SENSIBLE: lambda labelled: (labelled.sensible.astype(np.float64), np.full(len(labelled), np.nan)),
}


def _joined(parts: Sequence[Doubles]) -> Doubles:
    return np.concatenate(parts) if parts else np.zeros(0)


def _slices(rows: Sequence[Mapping[str, str]]) -> dict[str, tuple[str | None, ...]]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: tuple(row.get(name) for row in rows) for name in names}
