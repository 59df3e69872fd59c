"""Are two systems different? Paired differences on shared root dialogs, with a randomisation test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from blender.judging.headroom import Interval
from blender.judging.pools import LabelledPool


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Two systems on the root dialogs in which both were judged.

    Attributes:
        one: a system.
        other: another.
        difference: mean of one less mean of other, a dialog counting once, with a 95 % bootstrap interval over dialogs.
        p: of Fisher's randomisation test, two-sided; NaN without shared dialogs.
        corrected: ``p`` after Holm's correction for all pairs that could be tested.
        exact: whether all sign patterns were tried, instead of a random sample of them.
        wins: dialogs in which one is better.
        ties: dialogs in which they are as good.
        losses: dialogs in which other is better.
        dialogs: shared.
        decided: whether ``corrected`` is below alpha.
        more_dialogs: how many more shared dialogs would settle it, if the difference is what it seems; 0 if decided;
            ``None`` if there is no difference to be found, or no data.
        more_labels: the labels that takes, at the ratings per answer and answers per dialog there are; as above.
    """

    one: str
    other: str
    difference: Interval
    p: float
    corrected: float
    exact: bool
    wins: int
    ties: int
    losses: int
    dialogs: int
    decided: bool
    more_dialogs: int | None
    more_labels: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """All pairs of systems.

    Attributes:
        measure: ``ssa``, ``sensible`` or ``specific``.
        definition: of the labels.
        pairs: in order of the systems' scores, the better one first in each.
        alpha: share of all families of tests in which anything may be called different though nothing is.
        power: that ``more_dialogs`` aims at.
        draws: of the bootstrap.
        flips: sign patterns tried, where not all.
        seed: of both.
    """

    measure: str
    definition: str
    pairs: tuple[Difference, ...]
    alpha: float
    power: float
    draws: int
    flips: int
    seed: int


def differences(
    pools: Sequence[LabelledPool],
    *,
    measure: str = "ssa",
    definition: str | None = None,
    alpha: float = 0.05,
    power: float = 0.8,
    draws: int = 2000,
    flips: int = 10_000,
    seed: int = 0,
) -> Differences:
    """Compare every two systems on the root dialogs they share."""
    raise NotImplementedError
