"""Sampling of answers: prompts computed once, any number of samples of many prompts drawn side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from math import inf
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from blender.deadline import check
from blender.errors import BadInput
from blender.models.padded import Batch

if TYPE_CHECKING:
    import torch

_COLD = 1e-30  # what float32 can divide by; below it, only the likeliest token is left anyway
_NUCLEI = (64, 1024)  # likeliest tokens looked at first; the whole vocabulary is sorted only if they hold too little


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How answers are drawn.

    Attributes:
        temperature: above 1 bolder, below 1 safer, 0 always the likeliest token.
        top_p: draw from the likeliest tokens that together hold this probability (nucleus sampling, Holtzman et
            al. 2020, arXiv:1904.09751); 1 draws from all.
        repetition_penalty: above 1 makes tokens the answer already holds less likely (Keskar et al. 2019,
            arXiv:1909.05858); 1 is none.
        max_new_tokens: longest answer.
        seed: with the dialog and the number of the sample it decides every draw.

    Raises:
        BadInput: a value is out of range.
    """

    temperature: float = 0.8
    top_p: float = 0.9
    repetition_penalty: float = 1.1
    max_new_tokens: int = 40
    seed: int = 0

    def __post_init__(self) -> None:
        accepted = {
            "temperature": (0 <= self.temperature < inf, "a number of 0 or more"),
            "top_p": (0 < self.top_p <= 1, "above 0 and at most 1"),
            "repetition_penalty": (0 < self.repetition_penalty < inf, "a number above 0"),
            "max_new_tokens": (self.max_new_tokens >= 1, "1 or more"),
            "seed": (self.seed >= 0, "0 or more"),
        }
        wrong = [
            f"sampling: {name} must be {range_}, got {getattr(self, name)!r}"
            for name, (good, range_) in accepted.items()
            if not good
        ]
        if wrong:
            raise BadInput(wrong)


@dataclass(slots=True)
class Drawn:
    """Tokens of one sample while they are drawn.

    Attributes:
        tokens: without the end of the turn.
        logprobs: of the tokens; natural log at temperature 1, no penalty.
        ends: log-probability that the turn ends, before each token and after the last: one more than tokens.
        finished: whether the end was drawn.
    """

    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    finished: bool = False

    def first(self, count: int) -> Drawn:
        """The first ``count`` tokens of more."""
        return Drawn(self.tokens[:count], self.logprobs[:count], self.ends[: count + 1])


class Drawing(Protocol):
    """Samples being drawn side by side.

    Attributes:
        rows: numbers of those still being drawn, (active,).
        logits: of their next tokens, (active, vocabulary).
    """

    rows: NDArray[np.int64]
    logits: torch.Tensor

    def advance(self, chosen: torch.Tensor, going: torch.Tensor) -> None:
        """Pass the tokens chosen (active,) through the network; samples that are not ``going`` leave."""
        ...


def uniforms(digest: str, k: int, settings: Sampling) -> NDArray[np.float64]:
    """Draw the numbers in 0..1 that decide the samples of one dialog; float64 (k, max_new_tokens).

    Every sample has a generator of its own, so neither its companions nor the batch change its numbers.
    """
    seeds = [[settings.seed, int(digest, 16), number] for number in range(k)]
    drawn = [np.random.default_rng(seed).random(settings.max_new_tokens) for seed in seeds]
    return np.array(drawn).reshape(k, settings.max_new_tokens)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Asked:
    """Samples of one prompt.

    Attributes:
        prompt: token ids.
        chances: float64 (samples, max_new_tokens), see ``uniforms``.
        settings: how they are drawn.
    """

    prompt: Sequence[int]
    chances: NDArray[np.float64]
    settings: Sampling

    def __len__(self) -> int:
        return len(self.chances)

    def parts(self, most: int) -> list[Asked]:
        """The same in parts of at most so many samples; none of no sample."""
        starts = range(0, len(self), most)
        return [replace(self, chances=self.chances[start : start + most]) for start in starts]


def draw(model: Any, asked: Sequence[Asked], ends: Sequence[int]) -> tuple[list[list[Drawn]], int]:
    """Draw the samples of a batch of prompts.

    Args:
        model: a transformers causal LM in evaluation mode.
        asked: prompts of any lengths; padded on the left.
        ends: tokens any of which ends the answer.

    Returns:
        The samples of each prompt, and how many tokens went through the network.
    """
    batch = Batch.of(model, [one.prompt for one in asked], [len(one) for one in asked])
    return sampled(batch, asked, ends), batch.passed


def sampled(batch: Drawing, asked: Sequence[Asked], ends: Sequence[int]) -> list[list[Drawn]]:
    """Draw every sample of a batch to its end.

    Args:
        batch: whose prompts are computed, with the samples of each beside each other.
        asked: the same prompts in the same order.
        ends: tokens any of which ends an answer.

    Raises:
        Late: the caller's deadline is over.
    """
    import torch

    rows = [(one.settings, chances) for one in asked for chances in one.chances]
    drawn = [Drawn() for _ in rows]
    ending = torch.tensor(list(ends))
    for step in range(max((settings.max_new_tokens for settings, _ in rows), default=-1) + 1):
        check()
        logp = batch.logits.float().log_softmax(-1)
        # The end has one probability, however many tokens stand for it.
        for row, end in zip(batch.rows, logp[:, ending].logsumexp(-1).tolist(), strict=True):
            drawn[row].ends.append(end)
        open_ = torch.tensor([step < rows[row][0].max_new_tokens for row in batch.rows])
        chosen = _chosen(logp, [rows[row] for row in batch.rows], [drawn[row].tokens for row in batch.rows], step)
        going = open_ & ~torch.isin(chosen, ending)
        _note([drawn[row] for row in batch.rows], chosen, logp, going, open_)
        if not bool(going.any()):
            break
        batch.advance(chosen, going)
    each = iter(drawn)
    return [list(islice(each, len(one))) for one in asked]


def _chosen(
    logp: torch.Tensor,
    rows: Sequence[tuple[Sampling, NDArray[np.float64]]],
    said: Sequence[Sequence[int]],
    step: int,
) -> torch.Tensor:
    """The next token of each row by its own settings, int64 (rows,); of one that has all its tokens, any."""
    import torch

    found = torch.zeros(len(rows), dtype=torch.long)
    for settings in dict.fromkeys(settings for settings, _ in rows):
        own = [at for at, (each, _) in enumerate(rows) if each == settings]
        part = logp if len(own) == len(rows) else logp[own]
        bent = _penalised(part, [said[at] for at in own], settings.repetition_penalty)
        numbers = np.array([rows[at][1][min(step, settings.max_new_tokens - 1)] for at in own])
        found[own] = choose(bent, numbers, settings)
    return found


def choose(logits: torch.Tensor, numbers: NDArray[np.float64], settings: Sampling) -> torch.Tensor:
    """Draw one token per row by inverting the cumulative distribution over the likeliest tokens.

    Args:
        logits: float32 (rows, vocabulary).
        numbers: float64 (rows,), uniform in 0..1.
        settings: temperature and top_p.

    Returns:
        int64 (rows,).
    """
    import torch

    if settings.temperature < _COLD:
        return logits.argmax(-1)
    probabilities = (logits / settings.temperature).softmax(-1)
    likeliest, tokens = _likeliest(probabilities, settings.top_p)
    mass = likeliest.double().cumsum(-1)
    inside = mass - likeliest < settings.top_p  # the token that crosses the limit still belongs
    held = (likeliest * inside).double().sum(-1)
    at = torch.searchsorted(mass, (torch.from_numpy(numbers) * held)[:, None], right=True)[:, 0]
    at = torch.minimum(at, inside.sum(-1) - 1)  # a product rounded up must not leave the nucleus
    return tokens.gather(1, at[:, None])[:, 0]


def _likeliest(probabilities: torch.Tensor, share: float) -> tuple[torch.Tensor, torch.Tensor]:
    """The likeliest tokens of each row that hold ``share``, and often more: probabilities, falling, and tokens."""
    for count in _NUCLEI:
        if count < probabilities.shape[-1]:
            likeliest, tokens = probabilities.topk(count, dim=-1)
            if bool((likeliest.sum(-1) >= share).all()):
                return likeliest, tokens
    found, order = probabilities.sort(dim=-1, descending=True)
    return found, order


def _note(
    drawn: Sequence[Drawn], chosen: torch.Tensor, logp: torch.Tensor, going: torch.Tensor, open_: torch.Tensor
) -> None:
    scores = logp.gather(1, chosen[:, None])[:, 0]
    each = zip(drawn, chosen.tolist(), scores.tolist(), going.tolist(), open_.tolist(), strict=True)
    for one, token, score, goes, may in each:
        one.finished = may and not goes
        if goes:
            one.tokens.append(token)
            one.logprobs.append(score)


def _penalised(logp: torch.Tensor, said: Sequence[Sequence[int]], penalty: float) -> torch.Tensor:
    """Log-probabilities with those of tokens already said multiplied by ``penalty``; they are all negative."""
    if penalty == 1:
        return logp
    bent = logp.clone()
    for row, tokens in enumerate(said):
        bent[row, tokens] *= penalty
    return bent
