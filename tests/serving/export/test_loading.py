"""What was exported, read and trained on by the libraries it is meant for."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blender.models.language_model import load_language_model
from blender.records import Dialog, Pool
from blender.serving.cli import main
from blender.sources import SOURCES

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # the libraries' own

WriteLabels = Callable[..., Path]
FORMATS = ("dpo", "reward", "kto", "scored")


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")


def export(labels: Path, out: Path, *options: str) -> None:
    assert main(["export", "preferences", str(labels), "--out", str(out), *options]) == 0


def read(path: Path, cache: Path) -> Any:
    kind = "parquet" if path.suffix == ".parquet" else "json"
    return import_module("datasets").load_dataset(kind, data_files=str(path), split="train", cache_dir=str(cache))


@pytest.mark.parametrize("layout", FORMATS)
@pytest.mark.parametrize("style", ["chat", "text"])
def test_datasets_reads_the_same_from_both_kinds_of_file(
    layout: str, style: str, labels: WriteLabels, tmp_path: Path
) -> None:
    path, found = labels(6, scores=(0.2, 0.9, 0.55)), []
    for suffix in ("jsonl", "parquet"):
        out = tmp_path / f"rows.{suffix}"
        export(path, out, "--format", layout, "--style", style, "--pairs", "all", "--overwrite")
        found.append(read(out, tmp_path / "cache"))
    lines, table = found
    assert lines.column_names == table.column_names
    assert len(lines) == len(table) and len(lines) >= 6
    assert lines.to_list() == table.to_list()


def test_datasets_reads_a_folder_with_its_split(labels: WriteLabels, tmp_path: Path) -> None:
    export(labels(40), tmp_path / "out", "--test-share", "0.3", "--file", "parquet")
    found = import_module("datasets").load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert set(found) == {"train", "test"}
    assert len(found["train"]) + len(found["test"]) == 40
    assert found["train"].features["chosen"] == found["test"].features["chosen"]


def arguments(folder: Path, **more: Any) -> dict[str, Any]:
    return {
        "output_dir": str(folder),
        "per_device_train_batch_size": 2,
        "max_steps": 2,
        "learning_rate": 0.05,
        "report_to": [],
        "save_strategy": "no",
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
        "disable_tqdm": True,
        "seed": 0,
        **more,
    }


def tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(str(folder))


@pytest.mark.parametrize("style", ["chat", "text"])
def test_dpo_trains_an_adapter_that_the_generator_takes(
    style: str, labels: WriteLabels, tiny_llama: Path, tmp_path: Path
) -> None:
    """The whole way: labels, export, two steps of DPO, the adapter saved, answers sampled with it."""
    trl: Any = import_module("trl")
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM

    export(labels(6), tmp_path / "rows.jsonl", "--style", style)
    trainer: Any = trl.DPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(str(tiny_llama)),
        args=trl.DPOConfig(**arguments(tmp_path / "dpo")),
        train_dataset=read(tmp_path / "rows.jsonl", tmp_path / "cache"),
        processing_class=tokenizer(tiny_llama),
        peft_config=LoraConfig(r=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"),
    )
    assert np.isfinite(trainer.train().training_loss)
    trainer.save_model(str(tmp_path / "adapter"))
    settings = {"model": str(tiny_llama), "max_new_tokens": 4}
    plain = SOURCES.build("generator", settings)
    tuned = SOURCES.build("generator", {**settings, "adapter": str(tmp_path / "adapter")})
    dialog = Dialog.of("What about the boats?")
    texts = [[each.text for each in source.propose([dialog], 3)[0]] for source in (plain, tuned)]
    assert len(texts[1]) == 3 and texts[0] != texts[1]
    assert tuned.fingerprint != plain.fingerprint
    pool = Pool.of(dialog, ["Answer 1 about 0 boats on the river."])
    models = [load_language_model(str(tiny_llama), "float32", each) for each in ("", str(tmp_path / "adapter"))]
    before, after = (model.score([pool])[0].conditional[0] for model in models)
    assert abs(before - after) > 1e-3


@pytest.mark.parametrize("layout", ["reward", "dpo"])
def test_a_reward_model_trains_on_it(layout: str, labels: WriteLabels, tiny_llama: Path, tmp_path: Path) -> None:
    trl: Any = import_module("trl")
    from transformers import AutoModelForSequenceClassification

    export(labels(6), tmp_path / "rows.parquet", "--format", layout)
    rows = read(tmp_path / "rows.parquet", tmp_path / "cache")
    trainer: Any = trl.RewardTrainer(
        model=AutoModelForSequenceClassification.from_pretrained(str(tiny_llama), num_labels=1),
        args=trl.RewardConfig(**arguments(tmp_path / "reward")),
        train_dataset=rows,
        processing_class=tokenizer(tiny_llama),
    )
    first = trainer.train_dataset[0]
    told = [tokenizer(tiny_llama).decode(first[f"{side}_ids"]) for side in ("chosen", "rejected")]
    assert all(text.count("<|im_start|>") == 5 for text in told), "system line, three turns, answer"
    assert "Answer 1 about 0 boats on the river.<|im_end|>" in told[0] and "Answer 0 about 0 boats." in told[1]
    assert np.isfinite(trainer.train().training_loss)


def test_kto_trains_on_unpaired_rows(labels: WriteLabels, tiny_llama: Path, tmp_path: Path) -> None:
    trl: Any = import_module("trl")
    from transformers import AutoModelForCausalLM

    export(labels(6), tmp_path / "rows.jsonl", "--format", "kto")
    trainer: Any = trl.KTOTrainer(
        model=AutoModelForCausalLM.from_pretrained(str(tiny_llama)),
        ref_model=AutoModelForCausalLM.from_pretrained(str(tiny_llama)),
        args=trl.KTOConfig(**arguments(tmp_path / "kto")),
        train_dataset=read(tmp_path / "rows.jsonl", tmp_path / "cache"),
        processing_class=tokenizer(tiny_llama),
    )
    assert np.isfinite(trainer.train().training_loss)


def test_real_labels_are_read_and_trained_on(labelled: Path, tiny_llama: Path, tmp_path: Path) -> None:
    """Every kind of answer and 60 dialogs of up to twenty turns; no conversation is on both sides."""
    trl: Any = import_module("trl")
    labels = labelled / "usr-personachat.jsonl"
    export(labels, tmp_path / "out", "--test-share", "0.2", "--pairs", "all", "--machine-only", "--format", "reward")
    rows = {side: read(tmp_path / "out" / f"{side}.jsonl", tmp_path / "cache") for side in ("train", "test")}
    opened = [{row["chosen"][1]["content"] + row["chosen"][2]["content"] for row in side} for side in rows.values()]
    assert len(rows["train"]) > 80 and len(rows["test"]) > 10 and not opened[0] & opened[1]
    assert min(min(side["margin"]) for side in rows.values()) >= 0.1 - 1e-9
    from transformers import AutoModelForSequenceClassification

    trainer: Any = trl.RewardTrainer(
        model=AutoModelForSequenceClassification.from_pretrained(str(tiny_llama), num_labels=1),
        args=trl.RewardConfig(**arguments(tmp_path / "reward")),
        train_dataset=rows["train"],
        processing_class=tokenizer(tiny_llama),
    )
    assert np.isfinite(trainer.train().training_loss)
