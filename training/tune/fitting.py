"""Contrastive training of heads on embeddings made beforehand (InfoNCE, arXiv:1807.03748; CLIP's temperature).

All negatives are vectors that lie ready, so a batch of a thousand pairs costs a few milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from blender.errors import BlendError
from blender.index.heads import Heads
from blender.training.tune.checkpoint import digest_of, load_state, save_state, take_up, training_tensors
from blender.training.tune.head_module import HeadModule
from blender.training.tune.losses import Hide, contrastive_loss, mean_loss
from blender.training.tune.pairs import Epoch, FitSettings, Pairs

if TYPE_CHECKING:
    import torch

__all__ = ["Epoch", "FitSettings", "Pairs", "fit_heads"]


def fit_heads(
    pairs: Pairs,
    *,
    start: Heads,
    settings: FitSettings,
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
    fit = _Fit(pairs, start, settings, held_out, checkpoint)
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
        self.module.load(self.kept)
        return self.module.heads()

    def _step(self, rows: NDArray[np.intp], done: float, number: list[int]) -> float:
        import torch

        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * 0.5 * (1 + np.cos(np.pi * done))
        seed = int(np.random.SeedSequence([self.settings.seed, *number]).generate_state(1)[0])
        hide = Hide(self.settings.dropout, self.settings.noise, torch.Generator().manual_seed(seed))
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
            self.kept = self.module.tensors()
        if self.path:
            tensors = training_tensors(self.module.parameters, self.optimizer) | self.kept
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
        take_up(self.module.parameters, self.optimizer, tensors)
        self.kept = {name: tensor for name, tensor in tensors.items() if name.startswith("best.")}
        return True

    def _name(self) -> str:
        settings = msgspec.json.encode(asdict(self.settings)).decode()
        sides = [self.pairs, *([self.held_out] if self.held_out else [])]
        arrays = [part for side in sides for named in side.arrays.items() for part in named]
        return digest_of(self.start.fingerprint, settings, *arrays)
