"""What ``blend tune`` does: read, check, train, write the heads, and say what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from blender.index.base import PhraseBase
from blender.index.heads import Heads
from blender.index.opening import open_base
from blender.judging.labels import read_labels
from blender.models.encoder import load_encoder
from blender.settings import Settings
from blender.training.tune.contrastive import FITTED, Embedding, contrastive_heads
from blender.training.tune.dialogues import Pair, PairSettings, draw, read_pairs, split
from blender.training.tune.human import correlation
from blender.training.tune.interest import Interest
from blender.training.tune.judge import Judge
from blender.training.tune.policy import train_policy
from blender.training.tune.policy_settings import CHOSEN
from blender.training.tune.rewards import interest_of_phrases
from blender.training.tune.scene import Scene
from blender.training.tune.stage import Gate, RewardStage
from blender.training.tune.tables import correlation_lines
from blender.training.tune.verdict import told
from blender.training.tune.ways import ranker_heads

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What was asked of ``blend tune``; see its options."""

    dialogues: str
    out: Path
    method: Literal["contrastive", "ppo", "exact", "ranker"]
    base: str
    start: Path | None
    encoder: Literal["frozen", "full", "lora"]
    steps: int
    hard: int
    interest: Interest
    gate: Gate
    bundle: str
    labels: tuple[Path, ...]
    contexts: int
    k: int
    iterations: int
    baseline: Literal["value", "leave-one-out"]
    target_kl: float
    checkpoints: Path
    seed: int


def tune_heads(asked: Asked, say: Say) -> Iterator[str]:
    """Train heads and write them to ``asked.out``; gives lines of what came of it.

    Raises:
        BadInput: the dialogues are wrong or too few, or rewards are all equal.
        BadBase: the base is broken or too small.
        BadBundle: the bundle that pays is none, or has not both heads.
        BadModel: the heads to start from are of another encoder.
        BlendError: a reward or a loss is no number; the last good state is in the checkpoints.
    """
    bundle = Settings(bundle=asked.bundle or "fast").bundle_folder()
    judge = Judge.of_bundle(bundle) if bundle and asked.method != "contrastive" else None
    for path in asked.labels:
        read_labels(path)  # what is wrong with it is said before the work
    base = open_base(asked.base)
    scene = Scene(base=base)
    embedding = Embedding(ref=base.manifest.settings.encoder, encoder=base.encoder, fade=base.manifest.settings.fade)
    start = _start(asked, base)
    parts = split(read_pairs(asked.dialogues, PairSettings(turns=base.manifest.settings.turns)), asked.seed)
    say(", ".join(f"{name} {len(pairs)}" for name, pairs in parts.items()) + " pairs, split by conversation")
    before = (embedding, start)
    if asked.encoder != "frozen":
        embedding = _trained_encoder(asked, parts, embedding, say)
        start = Heads.identity(load_encoder(embedding.ref).dimension, embedding.encoder.fingerprint)
    stage = reward_stage(asked, judge, scene, parts["train"], embedding) if judge else None
    if stage:
        heads = _rewarded_heads(asked, stage, parts["train"], embedding, start, say)
    else:
        heads = _contrastive_heads(asked, parts, embedding, start, say)
    about = {"command": "blend tune", **{name: str(value) for name, value in asdict(asked).items()}}
    heads.save(asked.out, **about)
    yield from told(asked.out, parts["test"], [before, (embedding, heads)], stage, asked.seed)


def _start(asked: Asked, base: PhraseBase) -> Heads:
    if asked.start is not None:
        return Heads.load(asked.start, base.manifest.encoder_fingerprint)
    return Heads.identity(base.contents.reply_vectors.shape[1], base.manifest.encoder_fingerprint)


def _trained_encoder(asked: Asked, parts: dict[str, list[Pair]], embedding: Embedding, say: Say) -> Embedding:
    from blender.training.tune.encoder_training import EncoderSettings, train_encoder

    assert asked.encoder != "frozen"  # noqa: S101 - asked above
    held_out = draw(parts["dev"], 256, asked.seed)
    settings = EncoderSettings(
        kind=asked.encoder,
        steps=asked.steps,
        rate=5e-5 if asked.encoder == "full" else 5e-4,
        fade=embedding.fade,
        every=max(1, min(50, asked.steps)),
        seed=asked.seed,
        batch=max(2, min(64, len(parts["train"]), len(held_out))),
    )
    folder = train_encoder(
        parts["train"],
        held_out,
        embedding.ref,
        asked.out / "encoder",
        settings,
        checkpoint=asked.checkpoints,
        watch=lambda look: say(f"step {look.step}: held-out loss {look.held_out:.4f}"),
    )
    say(f"the encoder is {folder}; build a base with it: blend index build ... --encoder {folder}")
    return Embedding(ref=str(folder), encoder=load_encoder(str(folder)), fade=embedding.fade)


def _contrastive_heads(
    asked: Asked, parts: dict[str, list[Pair]], embedding: Embedding, start: Heads, say: Say
) -> Heads:
    return contrastive_heads(
        parts,
        embedding,
        settings=replace(FITTED, seed=asked.seed),
        hard=asked.hard,
        start=start,
        checkpoint=asked.checkpoints,
        watch=lambda epoch: say(f"epoch {epoch.epoch}: held-out loss {epoch.held_out:.4f}"),
    )


def _rewarded_heads(
    asked: Asked, stage: RewardStage, train: list[Pair], embedding: Embedding, start: Heads, say: Say
) -> Heads:
    if asked.labels:
        say("How each interest goes with people's specificity (Spearman); P(specific) may have seen these labels:")
        found = {path.stem: correlation(path, stage.judge, stage.scene.locale) for path in asked.labels}
        for line in correlation_lines(found):
            say(line)
    assert asked.method != "contrastive"  # noqa: S101 - that has no stage
    if asked.method == "ranker":
        return ranker_heads(stage, start, asked.seed, checkpoint=asked.checkpoints)
    settings = replace(
        CHOSEN,
        method=asked.method,
        baseline=asked.baseline,
        k=min(asked.k, len(stage.scene.texts) - 3),
        iterations=asked.iterations,
        contexts=min(CHOSEN.contexts, len(stage.pairs)),
        target_kl=asked.target_kl,
        seed=asked.seed,
    )
    return train_policy(
        stage,
        start,
        settings,
        anchor=embedding.pairs(train),
        checkpoint=asked.checkpoints,
        watch=lambda told, _: say(f"round {told.number}: reward {told.reward:.4f}, {told.kl:.3f} nats from the start"),
    )


def reward_stage(asked: Asked, judge: Judge, scene: Scene, pairs: list[Pair], embedding: Embedding) -> RewardStage:
    """Contexts with rewards, as asked for."""
    chosen = draw(scene.foreign(pairs), asked.contexts, asked.seed)
    known = dict(zip(scene.texts, scene.replies, strict=True))
    return RewardStage(
        scene=scene,
        pairs=chosen,
        queries=embedding.pairs(chosen).queries,
        judge=judge.with_embeddings(known, scene.base.manifest.encoder_fingerprint),
        interest=asked.interest,
        gate=asked.gate,
        by_phrase=interest_of_phrases(scene, asked.interest),
    )
