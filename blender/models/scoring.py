"""Losses of many answers in one forward pass; the vocabulary is looked at only where it is needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from blender.models.tree import Branch, Tree

if TYPE_CHECKING:
    import torch

PASS_TOKENS = 512
"""Most tokens in one pass beside its first root; what is more takes several, each computing its roots again."""

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
    model: Any, roots: Sequence[Sequence[int]], branches: Sequence[Branch], ends: Sequence[int], cache: Any = None
) -> tuple[list[Judged], int]:
    """Judge every branch, in as many passes as their length asks for.

    Args:
        model: a transformers causal LM in evaluation mode.
        roots: token ids of what the branches follow, each at least one.
        branches: in any order; those of one root are best kept together.
        ends: tokens any of which ends the turn; their probabilities are summed.
        cache: keys and values of a prefix that stands before every root (see ``prefilled``); left as it was.

    Returns:
        One result per branch, and how many tokens went through the network.
    """
    judged: list[Judged] = []
    passed = 0
    past = 0 if cache is None else cache.get_seq_length()
    for part in _passes(roots, branches):
        tree = Tree.grow(roots, part, past)
        judged += _judge_tree(model, tree, part, ends, cache)
        passed += len(tree.ids)
    return judged, passed


def prefilled(model: Any, prefix: Sequence[int]) -> Any:
    """Keys and values of a prefix, computed once for all that is judged after it."""
    import torch
    from transformers import DynamicCache

    cache = DynamicCache()
    tree = Tree.grow([prefix], [Branch(0, (prefix[-1],), False)])
    model.base_model(
        input_ids=torch.from_numpy(tree.ids)[None],
        position_ids=torch.from_numpy(tree.positions)[None],
        attention_mask=_masks(model, tree),
        past_key_values=cache,
        use_cache=True,
    )
    return cache


def judge_one_by_one(
    model: Any, roots: Sequence[Sequence[int]], branches: Sequence[Branch], ends: Sequence[int]
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


def _passes(roots: Sequence[Sequence[int]], branches: Sequence[Branch]) -> Iterator[list[Branch]]:
    part: list[Branch] = []
    size = 0
    there: set[int] = set()
    for branch in branches:
        more = len(branch.fed) + (0 if branch.root in there else len(roots[branch.root]))
        if part and size + more > PASS_TOKENS:
            yield part
            part, size, there = [], 0, set()
        size += more if part else len(branch.fed)  # the first root is free, or a long prompt would leave no room
        part.append(branch)
        there.add(branch.root)
    if part:
        yield part


def _judge_tree(model: Any, tree: Tree, branches: Sequence[Branch], ends: Sequence[int], cache: Any) -> list[Judged]:
    # From where each token is predicted: the first from the end of its root, the others from the token before.
    sources = [
        np.r_[tree.last[branch.root], head : head + len(branch.fed)].astype(np.int64)
        for branch, head in zip(branches, tree.heads, strict=True)
    ]
    rows = np.unique(np.concatenate(sources))
    flat = np.concatenate([source[: len(b.tokens)] for source, b in zip(sources, branches, strict=True)])
    targets = np.concatenate([np.asarray(branch.tokens, dtype=np.int64) for branch in branches])
    found, ended = _log_probabilities(
        model, _hidden(model, tree, cache), rows, np.searchsorted(rows, flat), targets, ends
    )
    pieces = np.split(found, np.cumsum([len(branch.tokens) for branch in branches])[:-1])
    return [
        Judged(tokens=piece, end=float(ended[np.searchsorted(rows, source[-1])]) if branch.end else float("nan"))
        for branch, source, piece in zip(branches, sources, pieces, strict=True)
    ]


def _hidden(model: Any, tree: Tree, cache: Any) -> torch.Tensor:
    """Hidden states (tokens, width) of one pass; the cache is cut back to its prefix afterwards."""
    import torch

    passed = model.base_model(
        input_ids=torch.from_numpy(tree.ids)[None],
        position_ids=torch.from_numpy(tree.positions)[None],
        attention_mask=_masks(model, tree),
        past_key_values=cache,
        use_cache=cache is not None,
    )
    if cache is not None:
        cache.crop(-len(tree.ids))
    hidden: torch.Tensor = passed.last_hidden_state[0]
    return hidden


def _masks(model: Any, tree: Tree) -> Any:
    """Additive masks (1, 1, tokens, past + tokens); one per kind of layer where some attend to a window only."""
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
