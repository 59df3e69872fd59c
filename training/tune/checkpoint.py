"""The state of a training in one safetensors file, replaced whole: numbers and curves as JSON in its header."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from blender.errors import BadModel
from blender.models.cache import text_digest
from blender.outputs import written_aside

if TYPE_CHECKING:
    import torch

_STATE = "state"


def save_state(path: Path, tensors: Mapping[str, torch.Tensor], state: Mapping[str, Any]) -> None:
    """Write tensors and plain values aside, then rename."""
    from safetensors.torch import save

    kept = {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}
    with written_aside(path) as aside:
        # Its own writing tells of a full disk by an error that is no OSError.
        aside.write_bytes(save(kept, metadata={_STATE: msgspec.json.encode(dict(state)).decode()}))


def load_state(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]] | None:
    """Read what ``save_state`` wrote; ``None`` if there is nothing.

    Raises:
        BadModel: the file is broken.
    """
    if not path.is_file():
        return None
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            state = msgspec.json.decode(file.metadata()[_STATE])
            return {name: file.get_tensor(name) for name in file.keys()}, state  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError, KeyError, TypeError, msgspec.MsgspecError) as fault:
        raise BadModel(f"the checkpoint {path} is broken: {fault}; remove it to start this training anew") from None


def training_tensors(weights: Mapping[str, torch.Tensor], optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """What a training goes on from, by flat names: its weights as they are now, and the moments of its optimizer."""
    return {f"now.{name}": weight for name, weight in weights.items()} | optimizer_tensors(optimizer)


def take_up(
    weights: Mapping[str, torch.Tensor], optimizer: torch.optim.Optimizer, tensors: Mapping[str, torch.Tensor]
) -> None:
    """Put back what ``training_tensors`` gave."""
    import torch

    with torch.no_grad():
        for name, weight in weights.items():
            weight.copy_(tensors[f"now.{name}"])
    load_optimizer(optimizer, tensors)


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """The moments of an Adam optimizer, by flat names."""
    states = optimizer.state_dict()["state"]
    return {f"optimizer.{at}.{name}": value for at, each in states.items() for name, value in each.items()}


def load_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, torch.Tensor]) -> None:
    """Put back what ``optimizer_tensors`` gave."""
    whole = optimizer.state_dict()
    states: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("optimizer."):
            _, at, name = key.split(".")
            states.setdefault(int(at), {})[name] = value
    whole["state"] = states
    optimizer.load_state_dict(whole)


def digest_of(*parts: NDArray[Any] | str | None) -> str:
    """Sixteen hex digits that name arrays and texts, so that a checkpoint of other data is never taken up."""
    import hashlib

    texts = []
    for part in parts:
        if isinstance(part, np.ndarray):
            data = hashlib.blake2b(np.ascontiguousarray(part).data, digest_size=16).hexdigest()
            texts.append(f"{part.dtype} {part.shape} {data}")
        else:
            texts.append(repr(part))
    return text_digest(*texts)
