"""Tuning heads towards a reward: PPO (arXiv:1707.06347), or the exact gradient of the expected reward.

The policy is a softmax over the top K phrases of each context under the heads; one action a dialog. It is held near
the policy it starts from by a KL term whose coefficient follows a target (arXiv:1909.08593), and may be held to the
users' own dialogues by their contrastive loss beside it (as InstructGPT does with its pre-training data, PPO-ptx,
arXiv:2203.02155): the first keeps the policy, the second keeps the index useful beyond the K phrases it is paid for.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from blender.index.heads import Heads
from blender.training.tune.fitting import Pairs
from blender.training.tune.policy_run import Training
from blender.training.tune.policy_settings import PolicySettings, Round, Rows, Stage

__all__ = ["PolicySettings", "Round", "Rows", "Stage", "train_policy"]


def train_policy(
    stage: Stage,
    start: Heads,
    settings: PolicySettings,
    *,
    anchor: Pairs | None = None,
    checkpoint: Path | None = None,
    watch: Callable[[Round, Heads], None] | None = None,
) -> Heads:
    """Train heads towards the rewards of a stage.

    Args:
        stage: contexts, phrases and rewards.
        start: heads to start from, and to stay near.
        settings: how.
        anchor: true pairs whose contrastive loss is kept low; not used if not given.
        checkpoint: folder; a training of the same stage and settings goes on there, with the same end.
        watch: told after every round, with the heads as they are then.

    Raises:
        BadInput: all rewards of a round are equal, so nothing can be learnt.
        BlendError: a reward or the loss is no number. Either way the last good round is in the checkpoint.
    """
    run = Training(stage, start, settings, anchor, checkpoint)
    while len(run.rounds) < settings.iterations:
        told = run.round()
        if watch:
            watch(told, run.module.heads())
    return run.module.heads()
