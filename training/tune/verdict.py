"""What came of tuning, and whether the heads are worth using."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from blender.index.heads import Heads
from blender.judging.headroom import bootstrap
from blender.training.tune.contrastive import Embedding, recall_of
from blender.training.tune.dialogues import Pair
from blender.training.tune.recall import conversations, plain
from blender.training.tune.rewards import elsewhere, top_rewards
from blender.training.tune.stage import RewardStage


def told(
    out: Path, test: list[Pair], retrievers: list[tuple[Embedding, Heads]], stage: RewardStage | None, seed: int
) -> Iterator[str]:
    """Lines on the retriever before and after, in held-out conversations.

    Args:
        out: folder of the heads.
        test: held-out pairs.
        retrievers: before and after.
        stage: what paid; ``None`` if nothing did.
        seed: of the draw.
    """
    gained: list[float] | None = None
    if len(test) >= 2:
        rows = recall_of(retrievers, test, seed)
        for name, row in zip(("before", "after"), rows, strict=True):
            figures = ", ".join(f"recall@{at} {row[f'recall@{at}'][0]:.3f}" for at in (1, 10, 100))
            yield f"{name}: {figures} of the true reply among {row['n']} of held-out conversations"
        gained = rows[1]["gain@10"]
    held_out = stage and elsewhere(stage, test, retrievers[0][0], seed)
    if held_out:
        before, after = (top_rewards(held_out, heads) for _, heads in retrievers)
        paid = f"{before.mean():.3f} before, {after.mean():.3f} after"
        yield f"reward of the first answer in {len(before)} of these: {paid}"
        gained = plain(bootstrap(after - before, units=conversations(held_out.pairs)))
    yield verdict(out, gained, "the reward" if held_out else "recall@10")


def verdict(out: Path, gained: list[float] | None, figure: str) -> str:
    """Whether heads are worth using: a gain whose 95 % interval reaches zero is no reason.

    Args:
        out: folder of the heads.
        gained: difference, low and high; ``None`` if nothing was held out.
        figure: what it is of.
    """
    use = f"source retrieval with on = 'reply' and heads = '{out}'"
    if gained is None:
        return (
            f"The heads are in {out}; nothing was held out to test on, so it is not known whether they are better: "
            f"give more conversations, or judge {use} yourself"
        )
    change = f"{figure} changed by {gained[0]:+.3f} ({gained[1]:+.3f} to {gained[2]:+.3f})"
    if gained[1] > 0:
        return f"The heads are in {out}: {change}. Use them: {use}"
    return f"The heads are in {out}, but are not shown to be better: {change}. Give more conversations, do not use them"
