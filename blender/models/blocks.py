"""Losses of many answers behind kept contexts: all in one pass, each seeing its context and itself only.

The tokens of a pass share the linear maps. Attention is computed per context, in windows as wide as an answer is long
(block-local attention, as in Longformer, Beltagy et al. 2020, arXiv:2004.05150), so that little is computed that the
mask hides: of 32 answers with a dozen tokens each a full mask would hide nine tenths.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from blender.deadline import check
from blender.models.contexts import Context, Contexts
from blender.models.llama import Llama
from blender.models.middle import States, mean_states
from blender.models.scoring import Judged, passes, predicted
from blender.models.tree import Branch

if TYPE_CHECKING:
    import torch

_PASS_TOKENS = 1024  # twice those of a full mask, whose cost grows with the square
_WINDOW = 32  # narrowest window; narrower ones make so many small products that they cost more


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A root and the branches that follow it, as one piece of a pass; each array (tokens,).

    Attributes:
        ids: of the root, if it is not kept already, and of the branches.
        owner: 0 for the root, 1, 2, ... for the branches.
        positions: behind the context.
        sources: per branch, the tokens that predict it; -1 for the end of the context.
    """

    ids: NDArray[np.int64]
    owner: NDArray[np.int64]
    positions: NDArray[np.int64]
    sources: tuple[NDArray[np.int64], ...]

    @classmethod
    def of(cls, root: Sequence[int], branches: Sequence[Branch]) -> Block:
        """Lay out a root, which may be empty, and its branches."""
        pieces = [np.asarray(ids, dtype=np.int64) for ids in (root, *(branch.fed for branch in branches))]
        sizes = [len(piece) for piece in pieces]
        heads = np.cumsum(sizes)
        after = [np.arange(size) + (len(root) if at else 0) for at, size in enumerate(sizes)]
        return cls(
            ids=np.concatenate(pieces),
            owner=np.repeat(np.arange(len(pieces)), sizes),
            positions=np.concatenate(after).astype(np.int64),
            sources=tuple(np.r_[len(root) - 1, head : head + n] for head, n in zip(heads, sizes[1:], strict=False)),
        )


def judge_blocks(
    contexts: Contexts,
    roots: Sequence[Sequence[int]],
    branches: Sequence[Branch],
    ends: Sequence[int],
    prefix: Sequence[int] = (),
    *,
    half: bool = False,
) -> list[Judged]:
    """Judge every branch; the same as ``blender.models.scoring.judge`` for plain passes.

    Args:
        contexts: of the network, and what it kept. Roots are kept too, or behind a prefix only that.
        roots: token ids, each at least one.
        branches: in any order; those of one root are best kept together.
        ends: tokens any of which ends the turn; their probabilities are summed.
        prefix: token ids before every root.
        half: only the state of each branch, by the layers up to the middle; without log-probabilities.

    Raises:
        Late: the caller's deadline is over.
    """
    judged: list[Judged] = []
    # A root that is kept is not in the pass, but what one pass needs must fit in memory: it counts a quarter.
    for part in passes(roots if prefix else [root[::4] for root in roots], branches, _PASS_TOKENS):
        check()  # before contexts are begun; their layers ask, too
        grouped = [(root, list(own)) for root, own in groupby(part, key=lambda branch: branch.root)]
        if prefix:
            groups = [
                _Group(contexts.of([prefix], half=half)[0], [Block.of(roots[root], own) for root, own in grouped])
            ]
        else:
            before = contexts.of([roots[root] for root, _ in grouped], half=half)
            split = [[Block.of((), [branch]) for branch in own] for _, own in grouped]
            groups = [_Group(context, blocks) for context, blocks in zip(before, split, strict=True)]
        judged += _judged(contexts.model, groups, part, ends, half)
    return judged


def _judged(
    model: Llama, groups: Sequence[_Group], branches: Sequence[Branch], ends: Sequence[int], half: bool
) -> list[Judged]:
    import torch

    last = torch.stack([group.context.last for group in groups])
    sizes = [len(group.ids) for group in groups]

    def attend(layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        each = zip(groups, *(torch.split(x, sizes) for x in (q, k, v)), strict=True)
        return torch.cat([group.attended(layer, *own) for group, *own in each if len(group.ids)])

    ids = torch.from_numpy(np.concatenate([group.ids for group in groups]))
    positions = torch.from_numpy(np.concatenate([group.positions for group in groups]))
    nothing = States(last=last[:0], middle=last.new_empty(0, model.read_width))
    states = model.states(ids, positions, attend, half=half) if len(ids) else nothing
    starts = len(groups) + np.cumsum([0, *sizes])
    sources = [source for at, group in enumerate(groups) for source in group.sources(at, int(starts[at]))]
    means = mean_states(states.middle, [source - len(groups) for source in sources])
    if half:
        return [Judged(np.empty(0, dtype=np.float32), float("nan"), state) for state in means]
    return predicted(model.logits, torch.cat([last, states.last]), sources, branches, ends, means)


class _Group:
    """The blocks of one pass that stand behind the same context."""

    def __init__(self, context: Context, blocks: Sequence[Block]) -> None:
        self.context = context
        self.ids: NDArray[np.int64] = np.concatenate([block.ids for block in blocks])
        self.positions = len(context.tokens) + np.concatenate([block.positions for block in blocks])
        self._blocks = blocks
        size, longest = len(self.ids), max(len(block.ids) for block in blocks)
        window = -(-longest // _WINDOW) * _WINDOW
        self._window = window if size > 2 * window else 0
        self._mask = self._masked(context.seen.dtype)

    def sources(self, at: int, start: int) -> Iterator[NDArray[np.int64]]:
        """Rows that predict each branch, where the context ends in row ``at`` and the first token is ``start``."""
        for block in self._blocks:
            for source in block.sources:
                yield np.where(source < 0, at, source + start)
            start += len(block.ids)

    def attended(self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        """Attention (n, heads, dim) of the tokens of all blocks."""
        import torch
        from torch.nn.functional import pad, scaled_dot_product_attention

        size = len(self.ids)
        rows, width = len(self._mask), self._window or size
        seen = self.context.seen[layer]
        queries = pad(q, (0, 0, 0, 0, 0, rows * width - size)).view(rows, width, *q.shape[1:]).transpose(1, 2)
        keys, values = (
            torch.cat([old[None].expand(rows, -1, -1, -1), self._windows(new)], dim=2)
            for old, new in zip(seen, (k, v), strict=True)
        )
        found = scaled_dot_product_attention(queries, keys, values, attn_mask=self._mask, enable_gqa=True)
        return found.transpose(1, 2).reshape(rows * width, *q.shape[1:])[:size]

    def _windows(self, x: torch.Tensor) -> torch.Tensor:
        """Keys or values (n, kv heads, dim) that each window of queries needs: (windows, kv heads, width, dim)."""
        import torch
        from torch.nn.functional import pad

        if not self._window:
            return x.transpose(0, 1)[None]
        over = -len(x) % self._window
        pieces = pad(x, (0, 0, 0, 0, self._window, over)).view(-1, self._window, *x.shape[1:])
        return torch.cat([pieces[:-1], pieces[1:]], dim=1).transpose(1, 2)

    def _masked(self, dtype: torch.dtype) -> torch.Tensor:
        """Additive mask (windows, 1, queries, context + keys)."""
        import torch

        block = np.repeat(np.arange(len(self._blocks)), [len(block.ids) for block in self._blocks])
        told = np.stack([block, np.concatenate([block.owner for block in self._blocks]), np.arange(len(block))])
        asking = told[:, None]
        if self._window:
            told = np.pad(told, ((0, 0), (self._window, -len(block) % self._window)), constant_values=-1)
            pieces = told.reshape(3, -1, self._window)
            told, asking = np.concatenate([pieces[:, :-1], pieces[:, 1:]], axis=2), pieces[:, 1:]
        else:
            told = asking
        (b, o, i), (b2, o2, i2) = told[:, :, None, :], asking[..., None]
        own = (b == b2) & (i <= i2) & ((o == 0) | (o == o2))
        seen = np.concatenate([np.ones((*own.shape[:2], len(self.context.tokens)), dtype=bool), own], axis=2)
        mask = torch.zeros(seen.shape, dtype=dtype)
        return mask.masked_fill_(torch.from_numpy(~seen), torch.finfo(dtype).min)[:, None]
