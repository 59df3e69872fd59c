"""Checkpoints of a training: weights and the optimizer's moments, so that a stopped run ends as if it had not been."""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass
from pathlib import Path

import msgspec
import torch
from torch import nn

from blender.errors import BadModel

log = logging.getLogger(__name__)
EVERY = 100
_STEP, _STATE = "step.json", "state.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checkpoint:
    """The last good state of a training in a folder of its own.

    Attributes:
        folder: named for what is trained, on what and how.
        network: only what requires a gradient is kept.
        optimizer: AdamW.
        every: steps between two checkpoints.
    """

    folder: Path
    network: nn.Module
    optimizer: torch.optim.AdamW
    every: int = EVERY

    def resume(self) -> int:
        """Put back what was kept; the number of steps that were done, 0 if nothing was.

        Raises:
            BadModel: the checkpoint is broken.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        if not (self.folder / _STEP).is_file():
            return 0
        try:
            done = msgspec.json.decode((self.folder / _STEP).read_bytes(), type=dict[str, int])["step"]
            kept = load_file(self.folder / _STATE)
            for name, weight in self._learnt():
                weight.data.copy_(kept[f"weight.{name}"])
                moments = {key: kept[f"{key}.{name}"] for key in ("exp_avg", "exp_avg_sq")}
                self.optimizer.state[weight] = {"step": torch.tensor(float(done)), **moments}
        except (OSError, KeyError, RuntimeError, SafetensorError, msgspec.DecodeError) as fault:
            raise BadModel(f"the checkpoint {self.folder} is broken: {fault}; delete it to begin anew") from None
        log.info("going on from step %d of %s", done, self.folder)
        return done

    def after(self, step: int, loss: float) -> None:
        """Keep the state if it is time to.

        Raises:
            BadModel: the loss is no number; the last good state stays.
        """
        if loss != loss or abs(loss) == float("inf"):
            raise BadModel(f"training came to a loss of {loss} at step {step}; the last good state is in {self.folder}")
        if step % self.every == 0:
            self._keep(step)

    def _keep(self, step: int) -> None:
        from safetensors.torch import save_file

        kept: dict[str, torch.Tensor] = {}
        for name, weight in self._learnt():
            kept[f"weight.{name}"] = weight.data
            kept |= {f"{key}.{name}": self.optimizer.state[weight][key] for key in ("exp_avg", "exp_avg_sq")}
        aside = self.folder.with_name(f".{self.folder.name}.making")
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        save_file({key: value.contiguous() for key, value in kept.items()}, aside / _STATE)
        (aside / _STEP).write_bytes(msgspec.json.encode({"step": step}))
        self.remove()
        aside.rename(self.folder)

    def remove(self) -> None:
        """Forget it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _learnt(self) -> list[tuple[str, torch.Tensor]]:
        return [(name, weight) for name, weight in self.network.named_parameters() if weight.requires_grad]
