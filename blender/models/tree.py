"""The tokens of one forward pass as a tree, so that many answers share the computing of one dialog.

The tree has two roots: the prompt, and a bare start token. Every answer may stand in it as a branch of either, and
sees its root and itself but no other branch (tree attention, as in SpecInfer, Miao et al. 2023, arXiv:2305.09781).
Positions count along the branch, so each answer is judged as if it stood alone after its root.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PROMPT, START = 0, 1


@dataclass(frozen=True, slots=True)
class Branch:
    """Answer tokens to be judged after one root.

    Attributes:
        root: ``PROMPT`` or ``START``.
        tokens: the answer, at least one token.
        end: whether the end of the turn after it is judged too.
    """

    root: int
    tokens: tuple[int, ...]
    end: bool

    @property
    def fed(self) -> tuple[int, ...]:
        """The tokens that must pass through the network: the last one only if something is predicted from it."""
        return self.tokens if self.end else self.tokens[:-1]


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """One pass: ids, positions and who belongs to whom, each int64 (number of tokens,).

    Attributes:
        ids: both roots (one, if no branch needs the other), then the branches one after the other.
        positions: counted along root and branch.
        owner: number of the root (0, 1) or branch (2, 3, ...) a token is part of.
        root: the root it descends from.
        last: index of each root's last token, -1 for a root left out.
        heads: index of each branch's first fed token.
    """

    ids: NDArray[np.int64]
    positions: NDArray[np.int64]
    owner: NDArray[np.int64]
    root: NDArray[np.int64]
    last: tuple[int, int]
    heads: tuple[int, ...]

    @classmethod
    def grow(cls, roots: tuple[Sequence[int], Sequence[int]], branches: Sequence[Branch]) -> Tree:
        """Lay out the roots that are needed and all branches."""
        used = {branch.root for branch in branches}
        parts = [(root, root, 0, roots[root]) for root in (PROMPT, START) if root in used]
        parts += [(at + 2, b.root, len(roots[b.root]), b.fed) for at, b in enumerate(branches)]
        sizes = np.array([len(ids) for *_, ids in parts])
        ends = np.cumsum(sizes)
        place = {owner: int(end) for (owner, *_), end in zip(parts, ends, strict=True)}
        return cls(
            ids=np.concatenate([np.asarray(ids, dtype=np.int64) for *_, ids in parts]),
            positions=np.concatenate([first + np.arange(len(ids)) for _, _, first, ids in parts]),
            owner=np.repeat([owner for owner, *_ in parts], sizes),
            root=np.repeat([root for _, root, *_ in parts], sizes),
            last=(place.get(PROMPT, 0) - 1, place.get(START, 0) - 1),
            heads=tuple(place[at + 2] - len(branch.fed) for at, branch in enumerate(branches)),
        )

    def seen(self, window: int | None = None) -> NDArray[np.bool_]:
        """Who sees whom, bool (tokens, tokens): earlier tokens of the own root and branch, within ``window``."""
        order = np.arange(len(self.ids))
        kin = (self.owner[None, :] == self.owner[:, None]) | (self.owner[None, :] == self.root[:, None])
        seen: NDArray[np.bool_] = kin & (order[None, :] <= order[:, None])
        if window is not None:
            seen &= self.positions[:, None] - self.positions[None, :] < window
        return seen
