"""Trains a transformer-size proxy: a few layers of the encoder, by the nats of word-pieces and the phrase's mean."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from blender.errors import BadModel
from blender.matrix import Floats
from blender.models.networks import load_checkpoint, padded, position_limit
from blender.models.progress import steps
from blender.models.proxy_transformer import TURN_JOIN, Reader, SpanNetwork, half_where_fast
from blender.models.reference import resolve
from blender.models.tokens import TokenIds, Tokens, load_tokens
from blender.training.proxy.examples import Scored, pieces_of
from blender.training.tune.checkpoint import load_state, save_state, take_up, training_tensors

log = logging.getLogger(__name__)
KEPT_EVERY = 100
"""Steps between two checkpoints."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformerSettings:
    """How the transformer is trained.

    Attributes:
        layers: the first of the encoder's; its word embeddings stay as they are.
        epochs: how often every phrase is seen.
        rate: highest learning rate of AdamW; it rises over the first tenth and falls in a half wave.
        batch: tokens in one step, padding included.
        pieces: what the loss of word-pieces counts beside that of phrases.
        decay: weight decay.
        seed: of the order, the drop-out and the two numbers' first weights.
    """

    layers: int = 4
    epochs: int = 3
    rate: float = 3e-4
    batch: int = 1024
    pieces: float = 1.0
    decay: float = 0.01
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Item:
    """An input with its targets: nats and tokens of each of its own word-pieces, (2, pieces), and the phrase's mean."""

    tokens: TokenIds
    pieces: Floats
    mean: float


def start(ref: str, layers: int, seed: int) -> tuple[SpanNetwork, Tokens]:
    """The first ``layers`` of an encoder with two fresh numbers on top, and its tokenizer.

    Raises:
        BadModel: it is no transformers checkpoint, or has no list of layers where BERT's kin have it.
    """
    path = resolve(ref).path
    body = load_checkpoint(path, "AutoModel")
    stack = getattr(getattr(body, "encoder", None), "layer", None)
    if stack is None:
        raise BadModel(
            f"{ref!r} is not built like BERT; a transformer proxy starts from an encoder that is, or is a head"
        )
    del stack[layers:]
    body.config.num_hidden_layers = len(stack)
    body.pooler = None
    body.embeddings.word_embeddings.requires_grad_(False)
    state = torch.random.get_rng_state()
    torch.manual_seed(seed)
    network = SpanNetwork(body)
    torch.random.set_rng_state(state)
    return network, load_tokens(path, position_limit(body.config))


def items(scored: Scored, tokens: Tokens, tokenizer: object, *, given: bool) -> list[Item]:
    """Inputs and targets of phrases, alone or given their contexts; ``tokenizer`` is the language model's."""
    pairs = [(TURN_JOIN.join(context), text) for context, text in zip(scored.contexts, scored.texts, strict=True)]
    inputs = tokens.pairs(pairs) if given else tokens.single(scored.texts)
    spans = tokens.spans(scored.texts)
    kept = [each[: one.own] for each, one in zip(spans, inputs, strict=True)]
    pieces = pieces_of(scored, tokenizer, kept)
    found = zip(inputs, pieces, scored.mean.tolist(), strict=True)
    return [Item(tokens=one, pieces=each, mean=mean) for one, each, mean in found if each.shape[1]]


def fit_reader(
    ref: str,
    train: Scored,
    pairs: Scored | None,
    tokenizer: object,
    settings: TransformerSettings,
    kept: Path,
    progress: str | None = None,
) -> Reader:
    """Train a transformer.

    Args:
        ref: of the encoder it starts from.
        train: phrases alone.
        pairs: phrases given their contexts; ``None`` makes no conditional part.
        tokenizer: of the language model.
        settings: see there.
        kept: file of the checkpoint; a run that was stopped goes on from the last and ends with the same weights.
        progress: names a progress bar.

    Raises:
        BadModel: the loss is no number (the last good state is in the checkpoint), or the checkpoint is broken.
    """
    network, tokens = start(ref, settings.layers, settings.seed)
    every = items(train, tokens, tokenizer, given=False)
    if pairs is not None:
        every += items(pairs, tokens, tokenizer, given=True)
    _fit(network, every, tokens.padding, settings, kept, progress)
    return Reader(network, tokens, conditional=pairs is not None)


def _fit(
    network: SpanNetwork,
    every: Sequence[Item],
    padding: int,
    settings: TransformerSettings,
    kept: Path,
    progress: str | None,
) -> None:
    plan = [batch for epoch in range(settings.epochs) for batch in _order(every, settings, epoch)]
    learnt = {name: weight for name, weight in network.named_parameters() if weight.requires_grad}
    optimizer = torch.optim.AdamW(learnt.values(), lr=settings.rate, weight_decay=settings.decay)
    done = _resumed(learnt, optimizer, kept)
    spread = float(np.std([item.mean for item in every]))
    state = torch.random.get_rng_state()
    network.train()
    for step in steps(range(done, len(plan)), progress):
        torch.manual_seed(settings.seed * 1_000_003 + step)  # drop-out is the same after a resume
        for group in optimizer.param_groups:
            group["lr"] = settings.rate * _rise_and_fall(step / len(plan))
        loss = _loss(network, [every[at] for at in plan[step]], padding, spread, settings.pieces)
        if not torch.isfinite(loss):
            raise BadModel(f"the loss became {loss.item()} at step {step + 1}; the last good state is in {kept}")
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(learnt.values(), 1.0)
        optimizer.step()
        if (step + 1) % KEPT_EVERY == 0:
            save_state(kept, training_tensors(learnt, optimizer), {"step": step + 1})
    torch.random.set_rng_state(state)
    kept.unlink(missing_ok=True)


def _resumed(learnt: Mapping[str, torch.Tensor], optimizer: torch.optim.Optimizer, kept: Path) -> int:
    """Steps that a run which was cut off had done."""
    found = load_state(kept)
    if found is None:
        return 0
    take_up(learnt, optimizer, found[0])
    log.info("going on from step %d of %s", found[1]["step"], kept)
    return int(found[1]["step"])


def _order(every: Sequence[Item], settings: TransformerSettings, epoch: int) -> list[list[int]]:
    """Batches of like length in a seeded order."""
    draw = np.random.default_rng([settings.seed, epoch])
    noise = draw.random(len(every))  # inputs of the same length meet others in every epoch
    found: list[list[int]] = [[]]
    for at in sorted(range(len(every)), key=lambda at: (len(every[at].tokens), noise[at])):
        if found[-1] and (len(found[-1]) + 1) * len(every[at].tokens) > settings.batch:
            found.append([])
        found[-1].append(at)
    return [found[at] for at in draw.permutation(len(found))]


def _rise_and_fall(part: float) -> float:
    return part / 0.1 if part < 0.1 else 0.5 * (1 + math.cos(math.pi * (part - 0.1) / 0.9))


def _loss(network: SpanNetwork, some: Sequence[Item], padding: int, spread: float, weight: float) -> torch.Tensor:
    inputs = padded([item.tokens for item in some], padding)
    own = inputs[3].bool()
    with half_where_fast():
        nats, tokens, mean = network(*inputs)
    truth = torch.from_numpy(np.concatenate([item.pieces for item in some], axis=1))
    whole: torch.Tensor = ((mean - torch.tensor([item.mean for item in some])) / spread).square().mean()
    parts: torch.Tensor = ((nats[own] - truth[0]) / 6).square().mean() + (tokens[own] - truth[1]).square().mean()
    return whole + weight * parts
