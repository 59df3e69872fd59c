"""Code that comes with a model is never run, whoever would say yes to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blender.errors import BadModel
from blender.models.causal import transformers_network
from blender.models.networks import load_checkpoint
from blender.models.tokens import load_tokenizer

CODE = """
open({marker!r}, "w").close()
from transformers import PretrainedConfig, PreTrainedModel
class OwnConfig(PretrainedConfig):
    model_type = "own"
class OwnModel(PreTrainedModel):
    config_class = OwnConfig
"""


@pytest.mark.parametrize(
    "load",
    [
        lambda folder: load_checkpoint(folder, "AutoModel"),
        lambda folder: transformers_network(folder, "float32"),
        load_tokenizer,
    ],
    ids=["encoder", "language model", "tokenizer"],
)
def test_the_code_of_a_model_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, load: Callable[[Path], Any]
) -> None:
    folder, marker = tmp_path / "own", tmp_path / "was run"
    folder.mkdir()
    (folder / "own.py").write_text(CODE.format(marker=str(marker)))
    models = {f"Auto{kind}": f"own.Own{'Config' if kind == 'Config' else 'Model'}" for kind in ("Config", "Model")}
    config = {"model_type": "own", "auto_map": {**models, "AutoModelForCausalLM": "own.OwnModel"}}
    (folder / "config.json").write_text(json.dumps(config))
    own_tokenizer = {"tokenizer_class": "OwnTokenizer", "auto_map": {"AutoTokenizer": ["own.OwnConfig", None]}}
    (folder / "tokenizer_config.json").write_text(json.dumps(own_tokenizer))
    monkeypatch.setattr("builtins.input", lambda *_: "y")  # transformers asks where it was not told
    with pytest.raises((BadModel, OSError, ValueError), match="custom code"):
        load(folder)
    assert not marker.exists()
