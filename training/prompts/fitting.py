"""From scored prompts to heads: an input's best prompt is its positive, its worst and random ones the negatives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from blender.errors import BadInput
from blender.index.heads import Heads
from blender.matrix import Floats
from blender.models.cache import text_digest
from blender.models.encoder import Encoder
from blender.prompts.pool import PromptPool
from blender.prompts.prompt import Prompt
from blender.training.prompts.outcome import helps
from blender.training.prompts.scoring import Scored
from blender.training.tune.fitting import FitSettings, Pairs, fit_heads

_HELD_OUT = 10  # one input in so many stops the training


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """How the retriever is trained.

    Attributes:
        worst: negatives of an input that are its worst-scored prompts.
        random: negatives that are random prompts of the pool; the positives of its batch come on top.
        seed: of negatives and of the fit.
        fit: of the heads.
    """

    worst: int = 4
    random: int = 4
    seed: int = 0
    fit: FitSettings = field(default_factory=lambda: FitSettings(batch=256, symmetric=False))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """One input to learn from.

    Attributes:
        text: the input.
        positive: the prompt with the best score.
        negatives: always as many as the settings ask for.
    """

    text: str
    positive: Prompt
    negatives: tuple[Prompt, ...]


def lessons(scored: Sequence[Scored], pool: PromptPool, settings: TrainSettings) -> list[Lesson]:
    """What can be learnt with the prompts of a pool; an input that none of them helped is dropped.

    Scores of prompts that are not in the pool do not count, so the scores of all tasks serve every fold.
    """
    known = {prompt.text for prompt in pool.prompts}
    found = []
    for each in scored:
        tried = [(o, p) for o, p in zip(each.outcomes, each.tried, strict=True) if p.text in known]
        tried.sort(key=lambda pair: -pair[0].score)
        if not tried or not helps(tried[0][0], each.zero) or tried[0][0].score == tried[-1][0].score:
            continue
        best, others = tried[0][1], [prompt for _, prompt in tried[1:]]
        worst = tuple(reversed(others[-settings.worst :])) if settings.worst else ()
        random = _random(pool, best, each.row.digest, settings.random + settings.worst - len(worst), settings.seed)
        found.append(Lesson(text=each.row.text, positive=best, negatives=worst + random))
    return found


def _random(pool: PromptPool, best: Prompt, digest: str, count: int, seed: int) -> tuple[Prompt, ...]:
    generator = np.random.default_rng(int(text_digest(str(seed), digest), 16))
    others = [prompt for prompt in pool.prompts if prompt.text != best.text] or [best]
    return tuple(others[at] for at in generator.integers(0, len(others), size=count))


def fit_retriever(
    scored: Sequence[Scored],
    pool: PromptPool,
    encoder: Encoder,
    settings: TrainSettings,
    *,
    checkpoint: Path | None = None,
) -> tuple[Heads, int]:
    """Heads that move inputs towards the prompts that help them, and how many inputs they learnt from.

    One input in ten is held out and says when to stop.

    Raises:
        BadInput: prompts helped too few inputs, or all scores are equal.
        BadModel: the pool is of another encoder.
    """
    pool.check_encoder(encoder.fingerprint)
    found = lessons(scored, pool, settings)
    found.sort(key=lambda lesson: text_digest(lesson.text))
    few = max(2, len(found) // _HELD_OUT)
    held, learnt = found[:few], found[few:]
    if len(learnt) < 2:
        raise BadInput(
            f"prompts of the pool helped only {len(found)} of {len(scored)} scored inputs, or helped them all alike; "
            "at least 4 are needed, best hundreds: score more rows or more prompts (`blend prompts score`)"
        )
    vectors = dict(zip((prompt.text for prompt in pool.prompts), pool.vectors, strict=True))
    heads = fit_heads(
        _pairs(learnt, vectors, encoder),
        start=Heads.identity(encoder.dimension, encoder.fingerprint),
        settings=settings.fit,
        held_out=_pairs(held, vectors, encoder),
        checkpoint=checkpoint,
    )
    return heads, len(learnt)


def _pairs(found: Sequence[Lesson], vectors: dict[str, Floats], encoder: Encoder) -> Pairs:
    numbers = {text: at for at, text in enumerate(vectors)}
    return Pairs(
        queries=encoder.encode([lesson.text for lesson in found], role="query"),
        positives=np.stack([vectors[lesson.positive.text] for lesson in found]),
        negatives=np.stack([[vectors[prompt.text] for prompt in lesson.negatives] for lesson in found]),
        ids=np.array([numbers[lesson.positive.text] for lesson in found], dtype=np.int64),
    )
