"""Retrieved prompts on tasks the retriever never saw: leave one cluster out, resumable row by row."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blender.models.encoder import Encoder
from blender.models.language_model import LanguageModel
from blender.prompts.pool import PromptPool
from blender.training.prompts.choosing import picked
from blender.training.prompts.fitting import TrainSettings
from blender.training.prompts.folds import Fold
from blender.training.prompts.scoring import Scored
from blender.training.prompts.store import ScoreStore
from blender.training.prompts.testing import (
    WRITTEN,
    ZERO,
    MethodResult,
    Retrievers,
    retrievers,
    try_method,
    try_oracle,
    try_written,
)

Key = tuple[str, int]
"""A method and how many prompts it puts before the input."""

RIVALS: tuple[Key, ...] = (
    (ZERO, 0),
    ("random", 1),
    ("BM25", 1),
    ("untuned", 1),
    ("tuned", 1),
    ("tuned, own pool", 1),
    (WRITTEN, 1),
)
REPEATED = ("random", "untuned", "tuned")
"""Tried with more prompts too where that is asked for."""
TRANSFER: tuple[Key, ...] = ((ZERO, 0), ("random", 1), ("untuned", 1), ("tuned", 1))


@dataclass(frozen=True, kw_only=True)
class EvaluateSettings:
    """What is tested.

    Attributes:
        rivals: methods with numbers of prompts.
        oracle_rows: rows of each cluster that are tried with every one of some random prompts; none if 0.
        oracle_prompts: how many.
        train: how the retriever of each fold is trained.
    """

    rivals: tuple[Key, ...] = RIVALS
    oracle_rows: int = 10
    oracle_prompts: int = 10
    train: TrainSettings = field(default_factory=TrainSettings)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClusterResult:
    """One cluster under one language model.

    Attributes:
        fold: what was tested.
        learnt: inputs of other clusters the retriever learnt from.
        prompts: in the pool.
        tested: by method and number of prompts, on the same rows.
        oracle: best and average of the same random prompts on the first rows; ``None`` if not asked for.
        picked: gains on the cluster's scored rows, see ``choosing.picked``.
        seconds: taken; near 0 where everything was in the store.
        computed: tokens that went through the language model.
    """

    fold: Fold
    learnt: int
    prompts: int
    tested: dict[Key, MethodResult]
    oracle: tuple[MethodResult, MethodResult] | None
    picked: NDArray[np.float64]
    seconds: float
    computed: int


def evaluate(
    model: LanguageModel,
    store: ScoreStore,
    folds: Sequence[Fold],
    scored: Sequence[Scored],
    pool: PromptPool,
    encoder: Encoder,
    settings: EvaluateSettings,
    watch: Callable[[ClusterResult], None] | None = None,
    checkpoint: Path | None = None,
) -> list[ClusterResult]:
    """Test every method on every fold.

    Args:
        model: frozen; the one that scored, or another one for transfer.
        store: of that model.
        folds: one for each tested cluster.
        scored: by the model that scored, of all clusters; a fold takes what it may see.
        pool: prompts of all clusters; a fold takes what it may see.
        encoder: of the retriever.
        settings: see there.
        watch: told after every cluster.
        checkpoint: folder where fitted heads are kept, so that no fold is fitted twice.

    Raises:
        BadInput: too little is left to learn from.
    """
    results = []
    for fold in folds:
        began, before = time.perf_counter(), model.computed
        found = retrievers(fold, scored, pool, encoder, settings.train, checkpoint)
        tested = {key: _try(model, store, fold, found, key) for key in settings.rivals}
        results.append(
            ClusterResult(
                fold=fold,
                learnt=found.learnt,
                prompts=len(found.pool),
                tested=tested,
                oracle=_oracle(model, store, fold, found, settings),
                picked=picked(scored, fold.cluster, found.pool, encoder, found.heads),
                seconds=time.perf_counter() - began,
                computed=model.computed - before,
            )
        )
        if watch:
            watch(results[-1])
    return results


def _try(model: LanguageModel, store: ScoreStore, fold: Fold, found: Retrievers, key: Key) -> MethodResult:
    if key[0] == WRITTEN:
        return try_written(model, store, fold)
    return try_method(model, store, fold, None if key[0] == ZERO else found.find[key[0]], key[1])


def _oracle(
    model: LanguageModel, store: ScoreStore, fold: Fold, found: Retrievers, settings: EvaluateSettings
) -> tuple[MethodResult, MethodResult] | None:
    if not settings.oracle_rows:
        return None
    draw = np.random.default_rng(settings.train.seed)
    at = draw.choice(len(found.pool), size=min(settings.oracle_prompts, len(found.pool)), replace=False)
    return try_oracle(model, store, fold.rows[: settings.oracle_rows], [found.pool.prompts[each] for each in at])
