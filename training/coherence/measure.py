"""How often a tail finds the true reply, and which wrong ones it takes for better."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from blender.models.language_model import LanguageModel
from blender.models.tail import Tail
from blender.models.tree import Branch
from blender.training.coherence.groups import Group
from blender.training.coherence.network import TailNetwork

if TYPE_CHECKING:
    import torch

_BATCH = 16
Scores = Callable[[Sequence[Group]], "torch.Tensor"]


def agreement(scores: Scores, groups: Sequence[Group]) -> dict[str, float]:
    """Per cent of groups whose true reply scores highest, and by kind of wrong answers scored below the true one."""
    import torch

    below: dict[str, list[float]] = defaultdict(list)
    with torch.inference_mode():
        for start in range(0, len(groups), _BATCH):
            part = groups[start : start + _BATCH]
            for row, group in zip(scores(part).numpy(), part, strict=True):
                row = row[: len(group.kinds)]
                below["first"].append(float(row.argmax() == 0))
                for kind, score in zip(group.kinds[1:], row[1:], strict=True):
                    below[kind].append(float(score < row[0]))
    return {name: round(100 * float(np.mean(each)), 1) for name, each in sorted(below.items())}


def measured(network: TailNetwork, tail: Tail, model: LanguageModel, groups: Sequence[Group]) -> dict[str, Any]:
    """Agreement on groups never seen: as trained, as the ``tail`` was kept, and by how likely the model finds them."""
    found = {"trained": agreement(network.scores, groups)}
    network.take(tail)
    found["as kept"] = agreement(network.scores, groups)
    found["likelihood"] = agreement(partial(_likelihood, model), groups)
    chance = round(100 * float(np.mean([1 / len(group.answers) for group in groups])), 1)
    return {"n": len(groups), "first by chance": chance, **found}


def _likelihood(model: LanguageModel, groups: Sequence[Group]) -> torch.Tensor:
    """Mean log-probability of the tokens of each answer, (groups, most answers)."""
    import torch

    branches = [Branch(at, tokens, False) for at, group in enumerate(groups) for tokens in group.answers]
    judged = iter(model.judge([group.context for group in groups], branches))
    rows = [torch.tensor([float(next(judged).tokens.mean()) for _ in group.answers]) for group in groups]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=-np.inf)
