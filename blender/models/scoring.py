"""Losses of many answers to one dialog in one forward pass; the vocabulary is looked at only where it is needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from blender.models.tree import Branch, Tree

if TYPE_CHECKING:
    import torch

BRANCH_TOKENS = 512
"""Most branch tokens in one pass; a larger pool takes several, each computing the prompt again."""

_LOGITS = 16_000_000  # numbers held at once where hidden states become log-probabilities


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Log-probabilities of one branch.

    Attributes:
        tokens: float32 (number of tokens,), natural log.
        end: of the end of the turn after them; NaN if not asked for.
    """

    tokens: NDArray[np.float32]
    end: float


def judge(
    model: Any, roots: tuple[Sequence[int], Sequence[int]], branches: Sequence[Branch], ends: Sequence[int]
) -> tuple[list[Judged], int]:
    """Judge every branch, in as many passes as their length asks for.

    Args:
        model: a transformers causal LM in evaluation mode.
        roots: token ids of the prompt and of the start.
        branches: in any order.
        ends: tokens any of which ends the turn; their probabilities are summed.

    Returns:
        One result per branch, and how many tokens went through the network.
    """
    judged: list[Judged] = []
    passed = 0
    for part in _passes(branches):
        tree = Tree.grow(roots, part)
        judged += _judge_tree(model, tree, part, ends)
        passed += len(tree.ids)
    return judged, passed


def judge_one_by_one(
    model: Any, roots: tuple[Sequence[int], Sequence[int]], branches: Sequence[Branch], ends: Sequence[int]
) -> tuple[list[Judged], int]:
    """The same as ``judge`` with one ordinary pass per branch: slow, and right for every causal LM."""
    import torch

    judged: list[Judged] = []
    passed = 0
    for branch in branches:
        root = roots[branch.root]
        ids = torch.tensor([[*root, *branch.fed]])
        logp = model(input_ids=ids, use_cache=False).logits[0, len(root) - 1 :].float().log_softmax(-1)
        tokens = logp[torch.arange(len(branch.tokens)), torch.tensor(branch.tokens)]
        end = float(logp[-1, list(ends)].logsumexp(-1)) if branch.end else float("nan")
        judged.append(Judged(tokens=tokens.numpy(), end=end))
        passed += ids.shape[1]
    return judged, passed


def _passes(branches: Sequence[Branch]) -> Iterator[list[Branch]]:
    part: list[Branch] = []
    size = 0
    for branch in branches:
        if part and size + len(branch.fed) > BRANCH_TOKENS:
            yield part
            part, size = [], 0
        part.append(branch)
        size += len(branch.fed)
    if part:
        yield part


def _judge_tree(model: Any, tree: Tree, branches: Sequence[Branch], ends: Sequence[int]) -> list[Judged]:
    # From where each token is predicted: the first from the end of its root, the others from the token before.
    sources = [
        np.r_[tree.last[branch.root], head : head + len(branch.fed)].astype(np.int64)
        for branch, head in zip(branches, tree.heads, strict=True)
    ]
    rows = np.unique(np.concatenate(sources))
    flat = np.concatenate([source[: len(b.tokens)] for source, b in zip(sources, branches, strict=True)])
    targets = np.concatenate([np.asarray(branch.tokens, dtype=np.int64) for branch in branches])
    found, ended = _log_probabilities(model, _hidden(model, tree), rows, np.searchsorted(rows, flat), targets, ends)
    pieces = np.split(found, np.cumsum([len(branch.tokens) for branch in branches])[:-1])
    return [
        Judged(tokens=piece, end=float(ended[np.searchsorted(rows, source[-1])]) if branch.end else float("nan"))
        for branch, source, piece in zip(branches, sources, pieces, strict=True)
    ]


def _hidden(model: Any, tree: Tree) -> torch.Tensor:
    """Hidden states (tokens, width) of one pass."""
    import torch

    passed = model.base_model(
        input_ids=torch.from_numpy(tree.ids)[None],
        position_ids=torch.from_numpy(tree.positions)[None],
        attention_mask=_masks(model, tree),
        use_cache=False,
    )
    hidden: torch.Tensor = passed.last_hidden_state[0]
    return hidden


def _masks(model: Any, tree: Tree) -> Any:
    """Additive masks (1, 1, tokens, tokens); one per kind of layer for models that mix full and sliding attention."""
    config = model.config.get_text_config()
    kinds = set(getattr(config, "layer_types", None) or ())
    window = getattr(config, "sliding_window", None)
    if not kinds:
        return _additive(model, tree.seen(window))
    return {kind: _additive(model, tree.seen(window if kind == "sliding_attention" else None)) for kind in kinds}


def _additive(model: Any, seen: NDArray[np.bool_]) -> torch.Tensor:
    import torch

    mask = torch.zeros(seen.shape, dtype=model.dtype)
    return mask.masked_fill_(torch.from_numpy(~seen), torch.finfo(model.dtype).min)[None, None]


def _log_probabilities(
    model: Any,
    hidden: torch.Tensor,
    rows: NDArray[np.int64],
    of: NDArray[np.int64],
    targets: NDArray[np.int64],
    ends: Sequence[int],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Log-probability of each target and of the end at each row, float32; the vocabulary a few rows at a time."""
    import torch

    head = model.get_output_embeddings()
    found = torch.empty(len(targets))
    ended = torch.empty(len(rows))
    step = max(1, _LOGITS // model.config.get_text_config().vocab_size)
    for start in range(0, len(rows), step):
        chunk = head(hidden[torch.from_numpy(rows[start : start + step])]).float().log_softmax(-1)
        ended[start : start + len(chunk)] = chunk[:, list(ends)].logsumexp(-1)
        here = np.flatnonzero((of >= start) & (of < start + step))
        found[here] = chunk[of[here] - start, targets[here]]
    return found.numpy(), ended.numpy()
