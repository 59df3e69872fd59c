"""What a network makes of an answer half way: the mean of its tokens' hidden states before the last layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch


class States(NamedTuple):
    """Hidden states of tokens, each (n, width): ``last`` makes the logits, ``middle`` came after `middle_layer`."""

    last: torch.Tensor
    middle: torch.Tensor


def middle_layer(layers: int) -> int:
    """After how many of so many layers: two thirds.

    Middle layers tell more of what a text means than the last, which turn to the next token (Skean et al. 2025,
    arXiv:2502.02013).
    """
    return round(2 * layers / 3)


def mean_states(states: torch.Tensor, sources: Sequence[NDArray[np.int64]]) -> NDArray[np.float32]:
    """The mean state of each branch's tokens, float32 (branches, width); NaN where none of them passed.

    Args:
        states: (n, width) of a pass.
        sources: per branch, the rows that predict it: all but the first are its own tokens.
    """
    import torch

    sizes = np.array([len(source) - 1 for source in sources])
    owner = torch.from_numpy(np.repeat(np.arange(len(sources)), sizes))
    rows = torch.from_numpy(np.concatenate([source[1:] for source in sources]))
    sums = torch.zeros(len(sources), states.shape[1]).index_add_(0, owner, states[rows].float())
    means: NDArray[np.float32] = (sums / torch.from_numpy(sizes)[:, None]).float().numpy()
    return means
