"""Contrastive training of the encoder itself, whole or by LoRA (arXiv:2106.09685), on pairs of context and reply.

Contexts are embedded as a base does it: every turn alone, older turns counting less. So the checkpoint that comes out
is an encoder like any other: `load_encoder` reads it, and a base is built with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from blender.errors import BadInput
from blender.models.cache import make_once
from blender.models.progress import steps
from blender.training.tune.dialogues import Pair
from blender.training.tune.encoder_run import NAMED, EncoderRun, EncoderSettings, Look, embed

__all__ = ["EncoderSettings", "Look", "embed", "train_encoder"]


def train_encoder(
    train: Sequence[Pair],
    held_out: Sequence[Pair],
    ref: str,
    out: Path,
    settings: EncoderSettings,
    *,
    checkpoint: Path | None = None,
    tokens: int | None = None,
    watch: Callable[[Look], None] | None = None,
) -> Path:
    """Train an encoder and write it as a checkpoint folder, LoRA merged; what the same training wrote is kept.

    Args:
        train: pairs to learn from.
        held_out: pairs by whose loss the best state is picked.
        ref: the transformers checkpoint to start from.
        out: folder to make.
        settings: how.
        checkpoint: folder; a training of the same data and settings goes on there.
        tokens: of a text, the rest is cut off; by default what the checkpoint can take.
        watch: told after every look.

    Raises:
        BadInput: fewer pairs than a batch, or ``out`` is there and not of this training.
        BadModel: ``ref`` is no transformers checkpoint.
        BlendError: the loss is no number; the last good state is in the checkpoint.
    """
    if min(len(train), len(held_out)) < settings.batch:
        raise BadInput(
            f"training an encoder needs at least {settings.batch} pairs to learn from and as many held out, got "
            f"{len(train)} and {len(held_out)} (of different replies); give more dialogues"
        )
    run = EncoderRun(train, held_out, ref, settings, checkpoint, tokens)
    if out.is_dir():
        return _same(out, run)
    for _ in steps(range(run.step, settings.steps), f"{settings.kind} encoder"):
        run.forward()
        if watch and run.looked:
            watch(run.looks[-1])
    return make_once(out, run.save)


def _same(out: Path, run: EncoderRun) -> Path:
    note = out / NAMED
    if not note.is_file():
        why = f"holds no {NAMED}, by which it would be known what made it"
    elif note.read_text() != run.name:
        why = "is not what these dialogues and settings make"
    else:
        return out
    raise BadInput(f"{out} is there and {why}; name another folder, or remove it first")
