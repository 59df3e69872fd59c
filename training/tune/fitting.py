"""Contrastive training of heads on embeddings made beforehand (InfoNCE, arXiv:1807.03748; CLIP's temperature).

All negatives are vectors that lie ready, so a batch of a thousand pairs costs a few milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from blender.errors import BadInput, BlendError
from blender.index.heads import Heads
from blender.matrix import Floats
from blender.training.tune.checkpoint import digest_of, load_optimizer, load_state, optimizer_tensors, save_state
from blender.training.tune.head_module import HeadModule

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class FitSettings:
    """How heads are fitted.

    Attributes:
        epochs: at most; the best by the held-out loss is kept.
        batch: pairs; each pair's negatives are the other replies of its batch.
        rate: learning rate of AdamW, falling to zero along a cosine.
        decay: weight decay towards the start.
        dropout: share of the embeddings' dimensions hidden while training.
        noise: standard deviation of what is added to the embeddings while training, times their mean magnitude.
        rank: of the residual; ``None`` leaves the matrices free.
        reply: whether the reply head is trained too.
        symmetric: whether replies look for their contexts too, as in CLIP.
        patience: epochs without a better held-out loss before it stops.
        seed: of order, dropout and start.
    """

    epochs: int = 30
    batch: int = 1024
    rate: float = 1e-3
    decay: float = 0.1
    dropout: float = 0.1
    noise: float = 0.0
    rank: int | None = None
    reply: bool = True
    symmetric: bool = True
    patience: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        bad = {
            f"epochs, batch and patience must be at least 1, are {self.epochs}, {self.batch}, {self.patience}": min(
                self.epochs, self.batch, self.patience
            )
            < 1,
            f"rate must be above 0, decay and noise not below, are {self.rate}, {self.decay}, {self.noise}": (
                self.rate <= 0 or self.decay < 0 or self.noise < 0
            ),
            f"dropout must be at least 0 and below 1, is {self.dropout}": not 0 <= self.dropout < 1,
            f"rank must be at least 1, is {self.rank}": self.rank is not None and self.rank < 1,
        }
        if any(bad.values()):
            raise BadInput([text for text, wrong in bad.items() if wrong])


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """What one pass over the pairs came to; losses are mean nats of the held-out or training pairs.

    ``held_out`` is NaN where nothing was held out. Epoch 0 is the start.
    """

    epoch: int
    trained: float
    held_out: float
    scale: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pairs:
    """Contexts and replies as vectors.

    Attributes:
        queries: float32 (n, d).
        positives: float32 (n, d), the reply of each.
        negatives: float32 (n, m, d), hard negatives of each; none if ``None``.
        ids: int64 (n,), equal where positives are the same text: these are not each other's negatives.
    """

    queries: Floats
    positives: Floats
    negatives: Floats | None = None
    ids: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        n = len(self.queries)
        wrong = self.queries.ndim != 2 or self.queries.shape != self.positives.shape
        wrong |= self.negatives is not None and (self.negatives.ndim != 3 or len(self.negatives) != n)
        wrong |= self.ids is not None and self.ids.shape != (n,)
        if wrong or n < 2:
            raise BadInput(
                f"pairs to fit need at least 2 queries and as many positives (n, d), negatives (n, m, d), ids (n,); "
                f"got queries {self.queries.shape}, positives {self.positives.shape}, "
                f"negatives {getattr(self.negatives, 'shape', None)}, ids {getattr(self.ids, 'shape', None)}"
            )

    def __len__(self) -> int:
        return len(self.queries)


def fit_heads(
    pairs: Pairs,
    *,
    start: Heads,
    settings: FitSettings | None = None,
    held_out: Pairs | None = None,
    checkpoint: Path | None = None,
    watch: Callable[[Epoch], None] | None = None,
) -> Heads:
    """Fit heads so that each query finds its positive among the others.

    Args:
        pairs: to learn from.
        start: heads to start from, usually the identity; what comes back is drawn towards them.
        settings: how.
        held_out: pairs by whose loss the best epoch is picked; without them the last one is taken.
        checkpoint: folder; a training of the same data and settings goes on where it stopped there, with the same end.
        watch: told after every epoch.

    Raises:
        BadInput: shapes do not fit, or there are fewer than 2 pairs.
        BlendError: the loss is no number; the best epoch so far is in the checkpoint.
    """
    fit = _Fit(pairs, start, settings or FitSettings(), held_out, checkpoint)
    while not fit.over:
        told = fit.epoch()
        if watch:
            watch(told)
    return fit.best()


@dataclass
class _Fit:
    pairs: Pairs
    start: Heads
    settings: FitSettings
    held_out: Pairs | None
    checkpoint: Path | None
    curve: list[Epoch] = field(default_factory=list)
    kept: dict[str, torch.Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        import torch

        settings = self.settings
        self.module = HeadModule(self.start, rank=settings.rank, reply=settings.reply, seed=settings.seed)
        self.optimizer = torch.optim.AdamW(self.module.groups(settings.rate, settings.decay))
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        self.path = self.checkpoint / f"fit-{self._name()}.safetensors" if self.checkpoint else None
        if not self._resume():
            self._note(float("nan"))

    @property
    def over(self) -> bool:
        done = len(self.curve) - 1
        return done >= self.settings.epochs or done - self._best_epoch() >= self.settings.patience

    def epoch(self) -> Epoch:
        """One pass."""
        number = len(self.curve)
        order = np.random.default_rng([self.settings.seed, number]).permutation(len(self.pairs))
        size = min(self.settings.batch, len(self.pairs))
        batches = [order[at : at + size] for at in range(0, len(order) - size + 1, size)]
        losses = [
            self._step(batch, (number - 1 + at / len(batches)) / self.settings.epochs, [number, at])
            for at, batch in enumerate(batches)
        ]
        return self._note(float(np.mean(losses)))

    def best(self) -> Heads:
        """The heads of the best epoch."""
        self.module.load(self.kept, "best")
        return self.module.heads()

    def _step(self, rows: NDArray[np.intp], done: float, number: list[int]) -> float:
        import torch

        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * 0.5 * (1 + np.cos(np.pi * done))
        seed = int(np.random.SeedSequence([self.settings.seed, *number]).generate_state(1)[0])
        hide = _Hide(self.settings.dropout, self.settings.noise, torch.Generator().manual_seed(seed))
        loss = contrastive_loss(self.module, self.pairs, rows, hide, symmetric=self.settings.symmetric)
        if not torch.isfinite(loss):
            where = f"; the best epoch so far is in {self.path}" if self.path else ""
            raise BlendError(f"the loss became {loss.item()} in epoch {number[0]}: lower the learning rate{where}")
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return loss.item()

    def _note(self, trained: float) -> Epoch:
        held = float("nan") if self.held_out is None else mean_loss(self.module, self.held_out, self.settings.batch)
        told = Epoch(epoch=len(self.curve), trained=trained, held_out=held, scale=self.module.scale.item())
        self.curve.append(told)
        if self._best_epoch() == told.epoch:
            self.kept = self.module.tensors("best")
        if self.path:
            tensors = {**self.module.tensors(), **self.kept, **optimizer_tensors(self.optimizer)}
            curve = [[each.trained, each.held_out, each.scale] for each in self.curve]
            save_state(self.path, tensors, {"curve": [[None if v != v else v for v in row] for row in curve]})
        return told

    def _best_epoch(self) -> int:
        held = [each.held_out for each in self.curve]
        return len(held) - 1 if self.held_out is None else int(np.argmin(held))

    def _resume(self) -> bool:
        found = load_state(self.path) if self.path else None
        if found is None:
            return False
        tensors, state = found
        rows = [[float("nan") if value is None else value for value in row] for row in state["curve"]]
        self.curve = [Epoch(epoch=at, trained=t, held_out=h, scale=s) for at, (t, h, s) in enumerate(rows)]
        self.module.load(tensors)
        self.kept = {name: tensor for name, tensor in tensors.items() if name.startswith("best.")}
        load_optimizer(self.optimizer, tensors)
        return True

    def _name(self) -> str:
        settings = msgspec.json.encode(asdict(self.settings)).decode()
        sides = [self.pairs, *([self.held_out] if self.held_out else [])]
        arrays = [each for side in sides for each in (side.queries, side.positives, side.negatives, side.ids)]
        return digest_of(self.start.fingerprint, settings, *arrays)


@dataclass(frozen=True, slots=True)
class _Hide:
    """Dropout of dimensions and noise, from a generator of its own."""

    dropout: float
    noise: float
    generator: Any

    def __call__(self, vectors: torch.Tensor) -> torch.Tensor:
        import torch

        if self.dropout:
            kept = torch.rand(vectors.shape, generator=self.generator) >= self.dropout
            vectors = vectors * kept / (1 - self.dropout)
        if self.noise:
            vectors = vectors + torch.randn(vectors.shape, generator=self.generator) * self.noise * vectors.abs().mean()
        return vectors


def contrastive_loss(
    module: HeadModule, pairs: Pairs, rows: NDArray[np.intp], hide: Callable[[Any], Any], *, symmetric: bool
) -> torch.Tensor:
    """InfoNCE of some pairs among themselves, mean nats; hard negatives join each query's own list."""
    import torch
    from torch.nn.functional import cross_entropy

    queries = module.queries(hide(torch.from_numpy(pairs.queries[rows])))
    replies = module.replies(hide(torch.from_numpy(pairs.positives[rows])))
    scores = module.scale * queries @ replies.T
    if pairs.ids is not None:
        same = torch.from_numpy(pairs.ids[rows][:, None] == pairs.ids[rows][None, :])
        scores = scores.masked_fill(same & ~torch.eye(len(rows), dtype=torch.bool), -torch.inf)
    wide = scores
    if pairs.negatives is not None:
        hard = module.replies(hide(torch.from_numpy(pairs.negatives[rows])))
        wide = torch.cat([scores, module.scale * torch.einsum("nd,nmd->nm", queries, hard)], dim=1)
    truth = torch.arange(len(rows))
    loss = cross_entropy(wide, truth)
    return (loss + cross_entropy(scores.T, truth)) / 2 if symmetric else loss


def mean_loss(module: HeadModule, pairs: Pairs, batch: int) -> float:
    """The loss of queries among so many positives each, nothing hidden; float nats."""
    import torch

    size = min(batch, len(pairs))
    with torch.no_grad():
        losses = [
            float(contrastive_loss(module, pairs, np.arange(at, at + size), lambda vectors: vectors, symmetric=False))
            for at in range(0, len(pairs) - size + 1, size)
        ]
    return float(np.mean(losses))
