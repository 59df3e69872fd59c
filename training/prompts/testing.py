"""A frozen language model tested on rows of one cluster with the prompts that each method finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blender.index.heads import Heads
from blender.models.encoder import Encoder
from blender.models.language_model import LanguageModel
from blender.prompts.pool import PromptPool
from blender.prompts.prompt import Prompt
from blender.prompts.retriever import PromptRetriever
from blender.prompts.window import put_before
from blender.training.prompts.asking import Ask, outcomes
from blender.training.prompts.fitting import TrainSettings, fit_retriever
from blender.training.prompts.folds import Fold
from blender.training.prompts.methods import Find, bm25, random_prompts
from blender.training.prompts.outcome import Outcome
from blender.training.prompts.scoring import Scored
from blender.training.prompts.store import ScoreStore
from blender.training.prompts.tasks import Row
from blender.training.prompts.written import write_instruction

Doubles = NDArray[np.float64]
VALUES = ("measure", "score", "likelihood")
ZERO, WRITTEN = "zero-shot", "written"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MethodResult:
    """Outcomes of one method on the rows of one cluster.

    Attributes:
        values: float64 (rows, 3): ``measure``, ``score`` and ``likelihood`` as in ``Outcome``; means over draws.
        own: share of the prompts found that are of the tested cluster: 0 unless the pool holds them.
        dropped: prompts for which the window had no room.
    """

    values: Doubles
    own: float = 0.0
    dropped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrievers:
    """What finds prompts for one fold.

    Attributes:
        find: by method.
        learnt: inputs the tuned one learnt from.
        pool: prompts of the fold.
        heads: of the tuned one.
    """

    find: Mapping[str, Find]
    learnt: int
    pool: PromptPool
    heads: Heads


def retrievers(
    fold: Fold,
    scored: Sequence[Scored],
    pool: PromptPool,
    encoder: Encoder,
    settings: TrainSettings,
    checkpoint: Path | None = None,
) -> Retrievers:
    """Everything that is compared on a fold; only ``tuned, own pool`` sees prompts of the tested cluster.

    Raises:
        BadInput: too little is left to learn from.
    """
    apart = fold.pool(pool)
    heads, learnt = fit_retriever(fold.lessons(scored), apart, encoder, settings, checkpoint=checkpoint)
    find: dict[str, Find] = {
        "random": random_prompts(apart, settings.seed),
        "BM25": bm25(apart),
        "untuned": PromptRetriever(apart, encoder).find,
        "tuned": PromptRetriever(apart, encoder, heads).find,
        "tuned, own pool": PromptRetriever(fold.own(pool), encoder, heads).find,
    }
    return Retrievers(find=find, learnt=learnt, pool=apart, heads=heads)


def try_method(model: LanguageModel, store: ScoreStore, fold: Fold, find: Find | None, k: int) -> MethodResult:
    """Test one method; without ``find`` no prompt is given."""
    given = find([row.text for row in fold.rows], k) if find else [[] for _ in fold.rows]
    tested = _try_texts(model, store, fold.rows, [[prompt.text for prompt in prompts] for prompts in given])
    own = [prompt.cluster in fold.left_out for prompts in given for prompt in prompts]
    return replace(tested, own=float(np.mean(own)) if own else 0.0)


def try_written(model: LanguageModel, store: ScoreStore, fold: Fold) -> MethodResult:
    """Test an instruction that the language model itself writes for each set, from unlabelled inputs of that set.

    It is told more than the others: what inputs of the tested set look like.
    """
    texts = {task: write_instruction(model, store, inputs) for task, inputs in fold.unlabelled.items()}
    return _try_texts(model, store, fold.rows, [[texts[row.task]] if texts[row.task] else [] for row in fold.rows])


def _try_texts(
    model: LanguageModel, store: ScoreStore, rows: Sequence[Row], given: Sequence[Sequence[str]]
) -> MethodResult:
    fitted = [put_before(model, texts, row.text, row.answers) for row, texts in zip(rows, given, strict=True)]
    found = outcomes(model, store, [Ask(before, row) for row, (before, _) in zip(rows, fitted, strict=True)])
    return MethodResult(values=values(found), dropped=sum(dropped for _, dropped in fitted))


def try_oracle(
    model: LanguageModel, store: ScoreStore, rows: Sequence[Row], prompts: Sequence[Prompt]
) -> tuple[MethodResult, MethodResult]:
    """The best of some prompts for each row by its gold answer, and their average: a bound, and what it is a bound of.

    No method can know the gold answer; the best of many noisy values is above what the best prompt is worth.
    """
    found = outcomes(model, store, [Ask(prompt.text, row) for prompt in prompts for row in rows])
    grid = values(found).reshape(len(prompts), len(rows), len(VALUES))
    best = grid[..., VALUES.index("score")].argmax(axis=0)
    return MethodResult(values=grid[best, np.arange(len(rows))]), MethodResult(values=grid.mean(axis=0))


def values(found: Sequence[Outcome]) -> Doubles:
    """float64 (outcomes, 3) in the order of ``VALUES``."""
    return np.array([[each.measure, each.score, each.likelihood] for each in found], dtype=np.float64)
