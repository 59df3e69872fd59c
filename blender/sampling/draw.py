"""Drawing contexts from a corpus, at most one of a conversation, in proportion to the corpus in every stratum.

From every conversation one context is cut at random (`Conversation.pick`). Contexts equal but for case, punctuation and
spacing, or closer than a cosine in the embedding space, become one. The rest are clustered by k-means, and the strata
are the pairs of length bucket and cluster, drawn from in proportion by one systematic draw through all of them, so that
lengths keep their proportion too where pairs are small (Cochran, *Sampling Techniques*, 1977, ch. 5 and 8).
Everything random hangs on the seed and the conversation's id alone, not on the order of the file.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, replace
from heapq import nsmallest
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray

from blender.errors import BadInput
from blender.index.context import context_text, embed_contexts
from blender.index.settings import BaseSettings, TextEncoder
from blender.matrix import Floats
from blender.pooling import duplicate_key
from blender.reading import Task
from blender.sampling.conversations import read_corpus
from blender.sampling.strata import clusters_of, distinct, systematic

_TURNS, _FADE = BaseSettings.turns, BaseSettings.fade


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be drawn.

    Attributes:
        n: how many contexts.
        min_turns: shortest context.
        max_turns: longest context.
        clusters: of the embedding space, fewer if there are fewer distinct contexts.
        seed: of everything random.
        locale: of conversations that do not say theirs.
        most: how many contexts are embedded; of a larger corpus a seeded part is.
        same_above: contexts with a higher cosine are near-duplicates.
    """

    n: int = 50
    min_turns: int = 1
    max_turns: int = 12
    clusters: int = 8
    seed: int = 0
    locale: str = "en"
    most: int = 5_000
    same_above: float = 0.95

    def __post_init__(self) -> None:
        checks = {
            f"n, clusters and most must be at least 1, are {self.n}, {self.clusters} and {self.most}": min(
                self.n, self.clusters, self.most
            )
            < 1,
            f"turns must be 1 <= min <= max, are {self.min_turns} and {self.max_turns}": not (
                1 <= self.min_turns <= self.max_turns
            ),
            f"same_above is a cosine, above 0 and at most 1, is {self.same_above}": not 0 < self.same_above <= 1,
        }
        problems = [problem for problem, bad in checks.items() if bad]
        if problems:
            raise BadInput(problems)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """What was drawn, and what it was drawn from.

    Attributes:
        drawn: the contexts, in a seeded order, with the slices cluster, length and language.
        frame: every context that could have been drawn, with the same slices.
        nearness: float32 (contexts of the frame,): higher is nearer to the centre of its cluster.
        read: conversations in the corpus.
        dropped: how many conversations gave no context of the frame, by reason.
        path: of the corpus.
    """

    drawn: tuple[Task, ...]
    frame: tuple[Task, ...]
    nearness: Floats
    read: int
    dropped: dict[str, int]
    path: Path


def draw(source: str | Path, wanted: Wanted, encoder: TextEncoder, *, progress: str | None = None) -> Sample:
    """Draw contexts; fewer than wanted if the corpus has no more.

    Raises:
        BadInput: the corpus cannot be read, rows are wrong, or it holds no context of the lengths wanted.
    """
    dropped: Counter[str] = Counter()
    path, read, ranked = _candidates(source, wanted, dropped)
    texts = [context_text(task.dialog.texts, _TURNS) for task in ranked]
    vectors = embed_contexts(texts, encoder, _FADE, progress)
    stays = distinct(vectors, [task.dialog.last for task in ranked], wanted.same_above)
    _count(dropped, f"nearly the same as another (cosine above {wanted.same_above:g})", len(ranked) - len(stays))
    clusters, nearness = clusters_of(vectors[stays], wanted.clusters, wanted.seed)
    frame = [_in_cluster(ranked[row], cluster) for row, cluster in zip(stays.tolist(), clusters.tolist(), strict=True)]
    start = Random(wanted.seed).randrange(len(frame))  # noqa: S311 - a draw, no secret
    drawn = tuple(frame[row] for row in systematic([stratum(task) for task in frame], wanted.n, start))
    return Sample(drawn=drawn, frame=tuple(frame), nearness=nearness, read=read, dropped=dict(dropped), path=path)


def stratum(task: Task) -> tuple[str, str]:
    """Length bucket and cluster of a context of a sample."""
    return task.slices["length"], task.slices["cluster"]


def _candidates(source: str | Path, wanted: Wanted, dropped: Counter[str]) -> tuple[Path, int, list[Task]]:
    """One context of each conversation, no two in the same words, in a seeded order, no more than are embedded."""
    path, conversations = read_corpus(source, wanted.locale)
    read = 0
    ids: set[str] = set()
    firsts: dict[str, tuple[bytes, Task]] = {}
    for conversation in conversations:
        read += 1
        rank = hashlib.sha256(f"{wanted.seed}\n{conversation.id}".encode()).digest()
        task = conversation.pick(wanted.min_turns, wanted.max_turns, Random(rank))  # noqa: S311 - a draw, no secret
        if conversation.id in ids:
            dropped["the id comes a second time"] += 1
        elif task is None:
            dropped[f"no context of {wanted.min_turns} to {wanted.max_turns} turns that another speaker answers"] += 1
        else:
            key = duplicate_key(context_text(task.dialog.texts, _TURNS))
            if key in firsts:
                dropped["the same words as another, but for case and signs"] += 1
            firsts[key] = min(firsts.get(key, (rank, task)), (rank, task), key=lambda each: each[0])
        ids.add(conversation.id)
    if not read:
        raise BadInput(
            f"{path} holds no conversation; a row of JSON lines has 'turns', in a .txt every turn begins with '- ' and "
            "a blank line parts conversations"
        )
    if not firsts:
        raise BadInput(
            f"{path} holds no context of {wanted.min_turns} to {wanted.max_turns} turns ({read:,} conversations read); "
            "give other limits, or another corpus"
        )
    kept = nsmallest(wanted.most, firsts.values(), key=lambda each: each[0])
    _count(dropped, f"beyond the {wanted.most:,} that are embedded, in a seeded order", len(firsts) - len(kept))
    return path, read, [task for _, task in kept]


def _count(dropped: Counter[str], reason: str, many: int) -> None:
    if many:
        dropped[reason] += many


def _in_cluster(task: Task, cluster: int) -> Task:
    return replace(task, slices={"cluster": str(cluster), **task.slices})


def nearest(sample: Sample, cluster: str, many: int) -> list[Task]:
    """The contexts of the frame nearest to the centre of a cluster."""
    rows: NDArray[np.intp] = np.argsort(-sample.nearness, kind="stable")
    return [task for task in (sample.frame[row] for row in rows) if task.slices["cluster"] == cluster][:many]
