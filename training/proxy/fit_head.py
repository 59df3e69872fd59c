"""Trains the network of a head-size proxy: by the nats of every word, and by the mean of every phrase."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from blender.matrix import Floats
from blender.models.proxy_network import Guessed, PieceInputs, PieceNetwork


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadSettings:
    """How the network is trained.

    Attributes:
        epochs: how often every phrase is seen.
        rate: highest learning rate of AdamW; it rises and falls once.
        batch: phrases in one step.
        pieces: what the loss of words counts beside that of phrases.
        decay: weight decay.
        seed: of the first weights and the order.
    """

    epochs: int = 10
    rate: float = 3e-3
    batch: int = 64
    pieces: float = 2.0
    decay: float = 1e-3
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PieceTargets:
    """What the language model lost.

    Attributes:
        nats: float32 (pieces,), of each piece.
        tokens: float32 (pieces,), how many of its tokens each piece is.
        mean: float32 (texts,), nats per token.
    """

    nats: Floats
    tokens: Floats
    mean: Floats


def fit_network(
    make: Callable[[], PieceNetwork],
    inputs: PieceInputs,
    sizes: NDArray[np.int64],
    targets: PieceTargets,
    settings: HeadSettings,
) -> PieceNetwork:
    """Train a network; the same inputs, settings and thread count give the same weights.

    Args:
        make: gives it with fresh weights, drawn from the global generator, which is seeded here and put back.
        inputs: of the phrases to learn from.
        sizes: pieces of each.
        targets: what it should say.
        settings: see there.
    """
    state = torch.random.get_rng_state()
    try:
        torch.manual_seed(settings.seed)
        network = make().train()
        _fit(network, inputs, sizes, targets, settings)
    finally:
        torch.random.set_rng_state(state)
    return network.eval()


def _fit(
    network: PieceNetwork,
    inputs: PieceInputs,
    sizes: NDArray[np.int64],
    targets: PieceTargets,
    settings: HeadSettings,
) -> None:
    draw = np.random.default_rng(settings.seed)
    size = min(settings.batch, len(sizes))
    steps = settings.epochs * (len(sizes) // size)
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.rate, weight_decay=settings.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.rate, total_steps=steps + 1)
    spread = float(targets.mean.std())
    starts = np.cumsum(sizes) - sizes
    for _ in range(settings.epochs):
        order = draw.permutation(len(sizes))
        for at in range(0, len(order) - size + 1, size):
            texts = order[at : at + size]
            pieces = np.concatenate([np.arange(starts[text], starts[text] + sizes[text]) for text in texts])
            loss = _loss(network(_some(inputs, texts, pieces, sizes)), targets, texts, pieces, spread, settings)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()


def _some(
    inputs: PieceInputs, texts: NDArray[np.int64], pieces: NDArray[np.int64], sizes: NDArray[np.int64]
) -> PieceInputs:
    at = torch.from_numpy(pieces)
    return PieceInputs(
        words=inputs.words[at],
        pairs=inputs.pairs[at],
        dense=inputs.dense[at],
        rows=torch.from_numpy(np.repeat(np.arange(len(texts)), sizes[texts])),
        topics=inputs.topics[torch.from_numpy(texts)],
    )


def _loss(
    guessed: Guessed,
    targets: PieceTargets,
    texts: NDArray[np.int64],
    pieces: NDArray[np.int64],
    spread: float,
    settings: HeadSettings,
) -> torch.Tensor:
    mean = ((guessed.mean - torch.from_numpy(targets.mean[texts])) / spread).square().mean()
    nats = ((guessed.nats - torch.from_numpy(targets.nats[pieces])) / 6).square().mean()  # a word's nats spread so
    tokens = (guessed.tokens - torch.from_numpy(targets.tokens[pieces])).square().mean()
    return mean + settings.pieces * (nats + tokens)
