"""GGUF files as ordinary transformers checkpoints: converted once, kept in the cache folder."""

from __future__ import annotations

import logging
import struct
from pathlib import Path
from typing import Any

from rich.console import Console

from blender.errors import BadModel
from blender.models.cache import cache_folder, make_once
from blender.models.quiet import quiet_transformers
from blender.models.reference import Artifact

log = logging.getLogger(__name__)
_VERSION = 1


def convert_gguf(artifact: Artifact) -> Path:
    """Return the folder of the checkpoint made from a GGUF file, weights as float16 safetensors.

    transformers reads GGUF itself, but takes half a minute and more for it; the converted checkpoint loads in a
    second. Rounding to float16 changes weights that were quantised to 4 bits by less than their last digit.

    Raises:
        BadModel: the file is no GGUF file, or of an architecture that transformers cannot read from GGUF.
    """
    folder = cache_folder() / "converted" / f"{artifact.path.stem}-{artifact.digest[:16]}-{_VERSION}"
    if folder.is_dir():
        return folder
    # A line and no spinner: in a log, too, somebody may wonder what takes so long.
    Console(stderr=True, markup=False, highlight=False, soft_wrap=True).print(
        f"converting {artifact.path.name} into {folder}, once: about a minute, several on a busy machine ..."
    )
    return make_once(folder, lambda aside: _convert(artifact, aside))


def _convert(artifact: Artifact, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    log.info("converting %s", artifact.path.name)
    place, name = str(artifact.path.parent), artifact.path.name
    try:
        with quiet_transformers():
            tokenizer = AutoTokenizer.from_pretrained(
                place, gguf_file=name, local_files_only=True, trust_remote_code=False
            )
            model: Any = AutoModelForCausalLM.from_pretrained(
                place, gguf_file=name, dtype=torch.float32, local_files_only=True, trust_remote_code=False
            )
    except (OSError, ValueError, KeyError, IndexError, struct.error) as fault:
        raise BadModel(
            f"{artifact.reference!r}: {name} cannot be read as GGUF ({fault}); accepted are GGUF files of the "
            "architectures transformers reads, or a checkpoint folder with safetensors"
        ) from fault
    # What remains is a plain checkpoint: without these it would be saved as one still quantised.
    del model.config.quantization_config
    model.hf_quantizer = None
    model.is_quantized = False
    with quiet_transformers():
        model.to(torch.float16).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
