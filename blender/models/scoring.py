"""Losses of many answers in one forward pass; the vocabulary is looked at only where it is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from blender.deadline import check, while_wanted
from blender.models.middle import States, mean_states, middle_layer
from blender.models.tree import Branch, Tree

if TYPE_CHECKING:
    import torch

PASS_TOKENS = 512
"""Most tokens in one pass beside its first root; what is more takes several, each computing its roots again."""

_ROWS = 128  # held at once where hidden states become log-probabilities of the whole vocabulary


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Log-probabilities of one branch.

    Attributes:
        tokens: float32 (number of tokens,), natural log; none where only the state was asked for.
        end: of the end of the turn after them; NaN if not asked for.
        state: float32 (width,), mean hidden state of its tokens (`blender.models.middle`); ``None`` if not computed.
    """

    tokens: NDArray[np.float32]
    end: float
    state: NDArray[np.float32] | None = None


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
    for part in passes(roots, branches, PASS_TOKENS):
        check()
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
    for branch in while_wanted(branches):
        root = roots[branch.root]
        ids = torch.tensor([[*root, *branch.fed]])
        given = model(input_ids=ids, use_cache=False, output_hidden_states=True)
        logp = given.logits[0, len(root) - 1 :].float().log_softmax(-1)
        tokens = logp[torch.arange(len(branch.tokens)), torch.tensor(branch.tokens)]
        end = float(logp[-1, list(ends)].logsumexp(-1)) if branch.end else float("nan")
        state = mean_states(_middle(given), [np.arange(len(root) - 1, ids.shape[1])])[0]
        judged.append(Judged(tokens=tokens.numpy(), end=end, state=state))
        passed += ids.shape[1]
    return judged, passed


def passes(roots: Sequence[Sequence[int]], branches: Sequence[Branch], most: int) -> Iterator[list[Branch]]:
    """Part the branches, in their order, so that no pass holds too many tokens."""
    part: list[Branch] = []
    size = 0
    there: set[int] = set()
    for branch in branches:
        more = len(branch.fed) + (0 if branch.root in there else len(roots[branch.root]))
        if part and size + more > most:
            yield part
            part, size, there = [], 0, set()
        size += more if part else len(branch.fed)  # the first root is free, or a long prompt would leave no room
        part.append(branch)
        there.add(branch.root)
    if part:
        yield part


def _judge_tree(model: Any, tree: Tree, branches: Sequence[Branch], ends: Sequence[int], cache: Any) -> list[Judged]:
    sources = [
        np.r_[tree.last[branch.root], head : head + len(branch.fed)].astype(np.int64)
        for branch, head in zip(branches, tree.heads, strict=True)
    ]
    states = _states(model, tree, cache)
    means = mean_states(states.middle, sources)
    return predicted(model.get_output_embeddings(), states.last, sources, branches, ends, means)


def predicted(
    head: Callable[[torch.Tensor], torch.Tensor],
    hidden: torch.Tensor,
    sources: Sequence[NDArray[np.int64]],
    branches: Sequence[Branch],
    ends: Sequence[int],
    means: NDArray[np.float32],
) -> list[Judged]:
    """Log-probabilities of every branch from the hidden states (n, width) of one pass.

    Args:
        head: from hidden states to logits.
        hidden: of all tokens.
        sources: per branch, the rows that predict its tokens and its end: the first is the end of what it follows.
        branches: as many.
        ends: tokens any of which ends the turn.
        means: (branches, width), their mean states.
    """
    rows = np.unique(np.concatenate(sources))
    flat = np.concatenate([source[: len(b.tokens)] for source, b in zip(sources, branches, strict=True)])
    targets = np.concatenate([np.asarray(branch.tokens, dtype=np.int64) for branch in branches])
    found, ended = _log_probabilities(head, hidden, rows, np.searchsorted(rows, flat), targets, ends)
    pieces = np.split(found, np.cumsum([len(branch.tokens) for branch in branches])[:-1])
    return [
        Judged(piece, float(ended[np.searchsorted(rows, source[-1])]) if branch.end else float("nan"), state)
        for branch, source, piece, state in zip(branches, sources, pieces, means, strict=True)
    ]


def _states(model: Any, tree: Tree, cache: Any) -> States:
    """Hidden states of the tokens of one pass; the cache is cut back to its prefix afterwards."""
    import torch

    passed = model.base_model(
        input_ids=torch.from_numpy(tree.ids)[None],
        position_ids=torch.from_numpy(tree.positions)[None],
        attention_mask=_masks(model, tree),
        past_key_values=cache,
        use_cache=cache is not None,
        output_hidden_states=True,
    )
    if cache is not None:
        cache.crop(-len(tree.ids))
    return States(last=passed.last_hidden_state[0], middle=_middle(passed))


def _middle(passed: Any) -> torch.Tensor:
    """Middle states (tokens, width) of what transformers gives; its first are the embeddings."""
    each = passed.hidden_states
    states: torch.Tensor = each[middle_layer(len(each) - 1)][0]
    return states


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
    head: Callable[[torch.Tensor], torch.Tensor],
    hidden: torch.Tensor,
    rows: NDArray[np.int64],
    of: NDArray[np.int64],
    targets: NDArray[np.int64],
    ends: Sequence[int],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Log-probability of each target and of the end at each row, float32; the vocabulary a few rows at a time."""
    import torch

    found, ended = torch.empty(len(targets)), torch.empty(len(rows))
    for start in while_wanted(range(0, len(rows), _ROWS)):
        logits = head(hidden[torch.from_numpy(rows[start : start + _ROWS])])
        total = _log_sum_exp(logits)
        ended[start : start + len(logits)] = logits[:, list(ends)].float().logsumexp(-1) - total
        here = np.flatnonzero((of >= start) & (of < start + _ROWS))
        at = torch.from_numpy(of[here] - start)
        found[torch.from_numpy(here)] = logits[at, torch.from_numpy(targets[here])].float() - total[at]
    return found.numpy(), ended.numpy()


def _log_sum_exp(logits: torch.Tensor) -> torch.Tensor:
    """Of each row, float32; few rows at a time, which stay in the processor's cache: four times as fast."""
    import torch

    found = []
    for few in torch.split(logits, 4):
        wide = few.to(torch.float32, copy=True)
        most = wide.amax(-1, keepdim=True)
        found.append(wide.sub_(most).exp_().sum(-1).log_().add_(most[:, 0]))
    return torch.cat(found)
