"""The trainings of the report, one after the other; what is done is kept by content and not done again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import msgspec
import numpy as np

from blender.index.heads import Heads
from blender.models.cache import cache_folder, text_digest
from blender.training.report import write_json
from blender.training.tune.contrastive import FITTED, contrastive_heads
from blender.training.tune.interest import Interest
from blender.training.tune.material import DEV_CONTEXTS, TRAIN_CONTEXTS, Material
from blender.training.tune.policy import PolicySettings, Round, train_policy
from blender.training.tune.policy_settings import CHOSEN
from blender.training.tune.stage import Gate
from blender.training.tune.ways import ranker_heads

_VERSION = "tune 2"
_LOOK = 4  # rounds between two looks of the judge


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One training.

    Attributes:
        method: ``ppo``, ``ppo, V(context)``, ``exact``, ``ranker`` or ``contrastive``.
        interest: of the reward.
        gate: of the reward.
        seed: of everything random.
    """

    method: str
    interest: Interest = "specific"
    gate: Gate = "sensible"
    seed: int = 0


SEEDS = (0, 1, 2)
MAIN: tuple[Interest, ...] = ("1-perplexity", "specific")
RUNS = (
    *(Run(method="contrastive", seed=seed) for seed in SEEDS),
    *(
        Run(method=method, interest=interest, seed=seed)
        for interest in reversed(MAIN)
        for method, seeds in (("ppo", SEEDS), ("ranker", SEEDS), ("exact", SEEDS[:1]))
        for seed in seeds
    ),
    Run(method="ppo", interest="perplexity", gate="none"),
    Run(method="ppo", interest="perplexity"),
    Run(method="ppo", interest="1-perplexity", gate="none"),
    Run(method="ppo", interest="rarity"),
    Run(method="ppo, V(context)"),
)
"""The exact gradient has one seed: seeds change its batches alone."""


def settings_of(run: Run) -> PolicySettings:
    """How a policy of the report is trained."""
    return replace(
        CHOSEN,
        method="exact" if run.method == "exact" else "ppo",
        baseline="value" if "V(context)" in run.method else "leave-one-out",
        seed=run.seed,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Done:
    """What a training gave.

    Attributes:
        heads: the heads.
        seconds: of CPU time of the process.
        curve: rounds as plain values.
        looks: round, judge's P(specific) and P(sensible) of the top answers on development contexts.
    """

    heads: Heads
    seconds: float
    curve: list[dict[str, float]]
    looks: list[list[float]]


def done(material: Material, run: Run, say: Callable[[str], None]) -> Done:
    """A training of the report, taken from the cache folder or made."""
    folder = cache_folder() / "tune-report" / _name(material, run)
    note = folder / "run.json"
    if not note.is_file():
        say(f"training {asdict(run)}")
        began = time.process_time()
        heads, curve, looks = _trained(material, run, folder)
        seconds = time.process_time() - began
        heads.save(folder, **asdict(run))
        write_json(note, {"seconds": seconds, "curve": curve, "looks": looks})
    kept = msgspec.json.decode(note.read_bytes())
    return Done(heads=Heads.load(folder), seconds=kept["seconds"], curve=kept["curve"], looks=kept["looks"])


def _name(material: Material, run: Run) -> str:
    settings = FITTED if run.method == "contrastive" else settings_of(run)
    parts = [asdict(run), asdict(settings), TRAIN_CONTEXTS, DEV_CONTEXTS, material.seed]
    return text_digest(_VERSION, material.base.fingerprint, msgspec.json.encode(parts).decode())


def _trained(material: Material, run: Run, folder: Any) -> tuple[Heads, list[dict[str, float]], list[list[float]]]:
    if run.method == "contrastive":
        fitted = contrastive_heads(
            material.parts,
            material.embedding,
            settings=replace(FITTED, seed=run.seed),
            checkpoint=folder / "checkpoints",
        )
        return fitted, [], []
    stage = material.stage("train", TRAIN_CONTEXTS, material.paying, run.interest, run.gate)
    if run.method == "ranker":
        return ranker_heads(stage, material.untuned, run.seed), [], []
    looker = material.stage("dev", DEV_CONTEXTS, material.judging)
    curve: list[dict[str, float]] = []
    looks: list[list[float]] = []

    def look(number: int, heads: Heads) -> None:
        top = looker.actions(heads, 2)[:, :1]
        sensible, specific = looker.probabilities(np.arange(len(top)), top)
        looks.append([number, float(specific.mean()), float(sensible.mean())])

    def watch(told: Round, heads: Heads) -> None:
        curve.append(asdict(told))
        if told.number % _LOOK == 0:
            look(told.number, heads)

    look(0, material.untuned)
    heads = train_policy(stage, material.untuned, settings_of(run), anchor=material.train, watch=watch)
    return heads, curve, looks
