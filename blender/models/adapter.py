"""LoRA adapters (Hu et al. 2021, arXiv:2106.09685) that peft or trl saved, merged into the model they were made for."""

from __future__ import annotations

import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from blender.errors import BadModel, MissingPackage
from blender.models.cache import file_digest, text_digest
from blender.models.reference import Artifact

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_PICKLES = "adapter_model.bin"


class _Note(msgspec.Struct):
    """What is looked at in ``adapter_config.json``."""

    peft_type: str | None = None
    base_model_name_or_path: str | None = None
    megatron_config: dict[str, Any] | None = None


def adapter_folder(adapter: str) -> Path:
    """The folder of an adapter, once it is known to be one that can be read.

    Raises:
        BadModel: there is none, it is no LoRA adapter, or its weights are a pickle, which is never read.
    """
    folder = Path(adapter).expanduser().absolute()
    if not (folder / CONFIG).is_file():
        raise BadModel(f"no adapter at {adapter!r}: it has no {CONFIG}; give the folder that peft or trl saved")
    if not (folder / WEIGHTS).is_file():
        pickled = f"only {_PICKLES}, a pickle, which is not read" if (folder / _PICKLES).exists() else "no weights"
        raise BadModel(f"the adapter {adapter!r} has {pickled}; save it as safetensors (safe_serialization=True)")
    note = _note(folder)
    if note.peft_type != "LORA" or note.megatron_config:
        kind = f"{note.peft_type!r}{' for Megatron' if note.megatron_config else ''}"
        raise BadModel(
            f"the adapter {adapter!r} is of the kind {kind}; accepted are plain LoRA adapters, which can be merged "
            "into the model"
        )
    return folder


def adapter_digest(folder: Path) -> str:
    """Sixteen hex digits; another if weights or configuration of the adapter are."""
    return text_digest(file_digest(folder / CONFIG), file_digest(folder / WEIGHTS))


def merged(network: Any, folder: Path, artifact: Artifact, loaded_from: Path) -> Any:
    """Merge an adapter into a network, which is changed; it then runs as fast as without.

    Args:
        network: a transformers causal LM in float32: the small changes would be lost in a shorter format.
        folder: see `adapter_folder`.
        artifact: the model as the user named it.
        loaded_from: the folder of the checkpoint the network was read from.

    Raises:
        MissingPackage: peft is not installed.
        BadModel: the adapter was made for another model, or cannot be read.
    """
    base = _note(folder).base_model_name_or_path or "a model it does not name"
    wrong = (
        f"the adapter {str(folder)!r} was made for another model: for {base!r}, not for {artifact.reference!r} "
        f"({loaded_from.name})"
    )
    _check_weights(base, loaded_from, wrong)
    peft = load_peft()
    from safetensors import SafetensorError, safe_open

    try:
        config = peft.PeftConfig.from_pretrained(str(folder))
        config.init_lora_weights = True  # others change the weights of the model before any are loaded
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of keys that are missing: that is checked below
            model = peft.PeftModel.from_pretrained(network, str(folder), config=config)
        with safe_open(folder / WEIGHTS, framework="numpy") as file:
            names = set(file.keys())
    except (ValueError, RuntimeError, KeyError, TypeError, OSError, SafetensorError) as fault:
        raise BadModel(f"{wrong}, or is broken: {_first_line(fault)}. Give the model it was trained on") from fault
    expected = set(peft.get_peft_model_state_dict(model, save_embedding_layers=False))
    if expected != names:
        odd = sorted(expected ^ names)
        raise BadModel(f"{wrong}: {len(odd)} layers differ, such as {odd[0]}. Give the model it was trained on")
    return model.merge_and_unload()


def load_peft() -> Any:
    """The package that knows adapters.

    Raises:
        MissingPackage: it is not installed.
    """
    try:
        return import_module("peft")
    except ImportError as fault:
        raise MissingPackage("adapters need peft; install it with `pip install 'response-blender[tune]'`") from fault


def _note(folder: Path) -> _Note:
    try:
        return msgspec.json.decode((folder / CONFIG).read_bytes(), type=_Note)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise BadModel(f"{folder / CONFIG} cannot be read: {fault}; save the adapter anew") from None


def _check_weights(base: str, loaded_from: Path, wrong: str) -> None:
    """Where the model the adapter names lies on this machine, its weights must be the ones at hand.

    A name that leads nowhere here, such as a hub id, says nothing: one model goes by many names.
    """
    named = Path(base).expanduser()
    if not named.is_dir() or named.resolve() == loaded_from.resolve():
        return
    if _weights(named) != _weights(loaded_from):
        raise BadModel(f"{wrong}: the weights there are others. Give the model it was trained on")


def _weights(folder: Path) -> list[str]:
    return sorted(file_digest(file) for file in folder.glob("*.safetensors"))


def _first_line(fault: Exception) -> str:
    return str(fault).strip().partition("\n")[0]
