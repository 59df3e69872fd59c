"""Who is left out when: one family at a time, or a fifth of the conversations; groups are never split."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from blender.errors import BadInput
from blender.training.examples import Examples

FOLDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """Pools to train on and pools to judge on, by number.

    Attributes:
        name: what is left out.
        train: numbers of pools.
        held_out: numbers of pools; none shares a group with ``train``.
    """

    name: str
    train: tuple[int, ...]
    held_out: tuple[int, ...]


def one_family_out(examples: Examples) -> list[Fold]:
    """Each family left out once. A conversation of the left-out family is nowhere in training.

    Raises:
        BadInput: there is only one family.
    """
    families = sorted(set(examples.families))
    if len(families) < 2:
        raise BadInput(
            f"leaving a family out needs at least two, these labels have one ({', '.join(families)}); "
            "use grouped cross-validation"
        )
    return [
        _fold(name, [at for at, family in enumerate(examples.families) if family == name], examples)
        for name in families
    ]


def grouped(examples: Examples, *, folds: int = FOLDS, seed: int = 0) -> list[Fold]:
    """Conversations dealt into ``folds`` parts, each left out once; deterministic, independent of the order of pools.

    Raises:
        BadInput: there are fewer conversations than folds.
    """
    sizes = Counter(examples.groups)
    if len(sizes) < folds:
        raise BadInput(
            f"{folds}-fold cross-validation needs at least {folds} different conversations, the labels have "
            f"{len(sizes)}; label more contexts"
        )
    dealt = sorted(sizes, key=lambda group: hashlib.sha256(f"{seed}\n{group}".encode()).digest())
    load = [0] * folds
    fold_of: dict[str, int] = {}
    for group in sorted(dealt, key=lambda group: -sizes[group]):
        fold_of[group] = load.index(min(load))
        load[fold_of[group]] += sizes[group]
    return [
        _fold(
            f"part {part + 1} of {folds}",
            [at for at, group in enumerate(examples.groups) if fold_of[group] == part],
            examples,
        )
        for part in range(folds)
    ]


def inner_folds(examples: Examples, *, seed: int = 0) -> list[Fold]:
    """The folds by which settings are chosen: families if there are three or more, else conversations."""
    if len(set(examples.families)) >= 3:
        return one_family_out(examples)
    return grouped(examples, folds=min(FOLDS, max(2, len(set(examples.groups)))), seed=seed)


def _fold(name: str, held_out: Sequence[int], examples: Examples) -> Fold:
    hidden = {examples.groups[at] for at in held_out}
    left_out = set(held_out)
    # Another family may hold the same conversation by accident: it is then not trained on either.
    train = [at for at, group in enumerate(examples.groups) if at not in left_out and group not in hidden]
    return Fold(name=name, train=tuple(train), held_out=tuple(held_out))
