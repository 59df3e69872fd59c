"""Rewards of ``blend tune``: the interest of phrases, and what first answers are paid in held-out contexts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from blender.errors import BadInput, BlendError
from blender.index.heads import Heads
from blender.index.scores import BaseScores
from blender.matrix import Floats
from blender.training.tune.contrastive import Embedding
from blender.training.tune.dialogues import Pair, draw
from blender.training.tune.interest import Interest, as_interest, log_perplexity, mean_rarity
from blender.training.tune.scene import Scene
from blender.training.tune.stage import RewardStage

FEWEST, MOST = 20, 200
"""Held-out contexts that rewards are compared on."""


def interest_of_phrases(scene: Scene, interest: Interest) -> Floats | None:
    """Interest of every phrase of a base, float32 (phrases,); ``None`` where it depends on the context."""
    if interest == "specific":
        return None
    values = mean_rarity(scene.texts, scene.locale) if interest == "rarity" else phrase_losses(scene)
    return as_interest(interest, values, values)


def phrase_losses(scene: Scene) -> Floats:
    """Nats per token of each phrase alone: as the base was scored, else by the proxy, else by the default model.

    Raises:
        BadInput: the phrases are not English, as proxy and default model are, and the base is not scored.
    """
    scores = BaseScores.find(scene.base)
    if scores is not None and "perplexity.alone" in scores.columns:
        return scores.column("perplexity.alone")
    if scene.locale != "en":
        raise BadInput(
            f"perplexity is not known of the phrases of {scene.base.folder}, whose locale is {scene.locale}: score the "
            "base by a model of that language first, `blend base score BASE --model MODEL`"
        )
    try:
        from blender.models.proxy import load_proxy

        return load_proxy("default").alone(scene.texts)
    except BlendError:
        return log_perplexity(scene.texts)


def elsewhere(stage: RewardStage, pairs: list[Pair], embedding: Embedding, seed: int) -> RewardStage | None:
    """The same rewards in up to 200 other contexts that the base does not hold; ``None`` if there are fewer than 20."""
    chosen = draw(stage.scene.strangers(pairs), MOST, seed)
    if len(chosen) < FEWEST:
        return None
    return replace(stage, pairs=chosen, queries=embedding.pairs(chosen).queries, said={})


def top_rewards(stage: RewardStage, heads: Heads) -> Floats:
    """Reward of the first answer under heads, float32 (contexts,)."""
    rows, _ = stage.scene.top(heads, stage.queries, stage.pairs, 1)
    return stage.rewards(np.arange(len(rows)), rows)[:, 0]
