"""The tokens of one forward pass as a forest, so that many answers share the computing of what they answer.

A root is a prompt, a bare start token, or one of several inputs after a cached prefix. Every answer stands as a branch
of one root, and sees the prefix, its root and itself but nothing else (tree attention, as in SpecInfer, Miao et al.
2023, arXiv:2305.09781). Positions count along the branch, so each answer is judged as if it stood alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PROMPT, START = 0, 1


@dataclass(frozen=True, slots=True)
class Branch:
    """Answer tokens to be judged after one root.

    Attributes:
        root: number of the root it follows; where a pool is judged, ``PROMPT`` or ``START``.
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
        ids: the roots that a branch needs, then the branches one after the other.
        positions: counted along prefix, root and branch.
        owner: number of the root (0, 1, ...) or, counted on from there, of the branch a token is part of.
        root: the root it descends from.
        last: index of each root's last token, by its number.
        heads: index of each branch's first fed token.
        past: tokens of the cached prefix that every token sees.
    """

    ids: NDArray[np.int64]
    positions: NDArray[np.int64]
    owner: NDArray[np.int64]
    root: NDArray[np.int64]
    last: Mapping[int, int]
    heads: tuple[int, ...]
    past: int = 0

    @classmethod
    def grow(cls, roots: Sequence[Sequence[int]], branches: Sequence[Branch], past: int = 0) -> Tree:
        """Lay out the roots that are needed and all branches, behind ``past`` cached tokens."""
        used = sorted({branch.root for branch in branches})
        parts = [(root, root, past, roots[root]) for root in used]
        parts += [(at + len(roots), b.root, past + len(roots[b.root]), b.fed) for at, b in enumerate(branches)]
        sizes = np.array([len(ids) for *_, ids in parts])
        ends = np.cumsum(sizes)
        place = {owner: int(end) for (owner, *_), end in zip(parts, ends, strict=True)}
        return cls(
            ids=np.concatenate([np.asarray(ids, dtype=np.int64) for *_, ids in parts]),
            positions=np.concatenate([first + np.arange(len(ids)) for _, _, first, ids in parts]),
            owner=np.repeat([owner for owner, *_ in parts], sizes),
            root=np.repeat([root for _, root, *_ in parts], sizes),
            last={root: place[root] - 1 for root in used},
            heads=tuple(place[at + len(roots)] - len(branch.fed) for at, branch in enumerate(branches)),
            past=past,
        )

    def seen(self, window: int | None = None) -> NDArray[np.bool_]:
        """Who sees whom, bool (tokens, past + tokens): the prefix and what is earlier of the own root and branch.

        Nothing further back than ``window`` is seen.
        """
        order = np.arange(len(self.ids))
        kin = (self.owner[None, :] == self.owner[:, None]) | (self.owner[None, :] == self.root[:, None])
        own = kin & (order[None, :] <= order[:, None])
        seen: NDArray[np.bool_] = np.concatenate([np.ones((len(order), self.past), dtype=bool), own], axis=1)
        if window is not None:
            behind = np.concatenate([np.arange(self.past), self.positions])
            seen &= self.positions[:, None] - behind[None, :] < window
        return seen
