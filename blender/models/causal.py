"""Causal networks from checkpoints: laid out by our own code where it knows the shape, else by transformers."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from blender.models.checkpoint import read_checkpoint
from blender.models.gguf import convert_gguf
from blender.models.llama import Llama
from blender.models.quiet import quiet_transformers
from blender.models.reference import Artifact


def checkpoint_folder(artifact: Artifact) -> Path:
    """The folder of a checkpoint; of a GGUF file that of its conversion."""
    return convert_gguf(artifact) if artifact.path.suffix == ".gguf" else artifact.path


def read_network(folder: Path, dtype: str) -> Any:
    """A ``Llama`` if the checkpoint is plainly one, else what transformers makes of it.

    Raises:
        OSError, ValueError: it is no causal language model that transformers can read.
    """
    import torch

    found = read_checkpoint(folder)
    read = Llama.read(found, getattr(torch, dtype)) if found else None
    return read or transformers_network(folder, dtype)


def transformers_network(folder: Path, dtype: str) -> Any:
    """A checkpoint by transformers' own classes, ready to evaluate.

    Raises:
        OSError, ValueError: it is no causal language model that transformers can read.
    """
    import torch
    from safetensors import SafetensorError

    transformers = import_module("transformers")  # whole: other threads may be importing it too
    try:
        with quiet_transformers():
            network = transformers.AutoModelForCausalLM.from_pretrained(
                str(folder),
                dtype=getattr(torch, dtype),
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,  # unsaid, transformers asks whether to run the folder's code
            )
    except SafetensorError as fault:
        raise ValueError(f"its weights are broken: {fault}") from fault
    return network.eval().requires_grad_(False)


def shape(network: Any) -> tuple[int, int | None]:
    """Width of its hidden states, and how many tokens it can see at once; ``None`` if it does not say."""
    if isinstance(network, Llama):
        return network.width, network.window
    config = network.config.get_text_config()
    return int(config.hidden_size), getattr(config, "max_position_embeddings", None)
