"""Checkpoints as they lie on disk: transformers' own classes are not needed, whose import takes three seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    import torch

    Weights = Mapping[str, torch.Tensor]

CONFIG, WEIGHTS = "config.json", "model.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checkpoint:
    """What ``save_pretrained`` wrote.

    Attributes:
        config: what ``config.json`` says; what it leaves out, transformers has defaults for, and this has not.
        weights: by name, in the dtype they are stored in.
    """

    config: Any
    weights: Weights


def read_checkpoint(folder: Path, beginning: tuple[str, ...] = ("",)) -> Checkpoint | None:
    """Read a checkpoint of one safetensors file; ``None`` if it is none, and transformers may say what it is.

    Args:
        folder: of the checkpoint.
        beginning: only weights whose names begin like one of these are read.
    """
    from safetensors import SafetensorError, safe_open

    try:
        config = msgspec.json.decode((folder / CONFIG).read_bytes(), type=dict[str, Any])
        with safe_open(folder / WEIGHTS, framework="pt") as file:
            names = [name for name in file.keys() if name.startswith(beginning)]  # noqa: SIM118 - not a mapping
            weights = {name: file.get_tensor(name) for name in names}
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, SafetensorError):
        return None
    return Checkpoint(config=SimpleNamespace(**config), weights=weights)
