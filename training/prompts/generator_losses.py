"""What prompts shown before a dialog do to a language model's loss on what was really said next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blender.errors import BadInput
from blender.index.heads import Heads
from blender.matrix import Floats
from blender.models.cache import cache_folder, text_digest
from blender.models.demonstrations import NOTHING, Shown
from blender.models.language_model import LanguageModel
from blender.models.progress import steps
from blender.models.text_losses import losses_behind
from blender.pooling import duplicate_key
from blender.sources.prompting import PairRetriever
from blender.training.kept import kept_json
from blender.training.prompts.generator_data import Asked
from blender.training.tune.fitting import FitSettings, Pairs, fit_heads

FIT = FitSettings(epochs=30, batch=64, rate=5e-4, decay=0.5, dropout=0.2, symmetric=False, patience=5)
FOLDS = 5
WIDE = 40
_AT_ONCE = 64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scored:
    """Training dialogs and what each of several single pairs did for them.

    Attributes:
        rows: int64 (dialogs, candidates), of ``base.contents.contexts``; the first ``near`` are near ones, nearest
            first, the others were drawn at random.
        losses: float32 (dialogs, candidates), mean nats per token of the true next turn with that pair shown.
        plain: float32 (dialogs,), without any.
        near: how many of the candidates are near ones.
    """

    rows: NDArray[np.int64]
    losses: Floats
    plain: Floats
    near: int


def true_losses(model: LanguageModel, asked: Sequence[Asked], shown: Sequence[Shown], title: str) -> Floats:
    """Mean loss of a token of each true next turn, float32 (dialogs,), nats; kept, so that a killed run goes on."""
    form = model.form
    prompts = [form.context(each.dialog, None, (), before) for each, before in zip(asked, shown, strict=True)]
    answers = [tuple(form.answer(each.truth)) for each in asked]
    found: list[float] = []
    for start in steps(range(0, len(asked), _AT_ONCE), title):
        some = slice(start, start + _AT_ONCE)
        key = text_digest(model.fingerprint, repr(prompts[some]), repr(answers[some]))
        found += remembered(f"losses-{key}", partial(_losses, model, prompts[some], answers[some]))
    return np.array(found, dtype=np.float32)


def _losses(model: LanguageModel, prompts: list[list[int]], answers: list[tuple[int, ...]]) -> list[float]:
    return [float(losses.mean()) for losses in losses_behind(model, prompts, list(enumerate(answers)))]


def remembered(name: str, make: Callable[[], list[Any]]) -> list[Any]:
    """What ``make`` gives, as JSON in the cache folder."""
    return kept_json(cache_folder() / "generator-report" / f"{name}.json", list[Any], make)


def at_random(retriever: PairRetriever, count: int, seed: int) -> list[Shown]:
    """``k`` good pairs drawn for each of ``count`` dialogs."""
    generator = np.random.default_rng(seed)
    good = _good_rows(retriever)
    return [retriever.show(generator.choice(good, retriever.k, replace=False).tolist()) for _ in range(count)]


def score_candidates(
    model: LanguageModel, retriever: PairRetriever, asked: Sequence[Asked], *, near: int, random: int, seed: int
) -> Scored:
    """Try single pairs before training dialogs: the two nearest, others of the forty nearest, and random ones.

    A near pair whose answer is the true next turn is not tried: it would give that away.

    Args:
        model: the judge.
        retriever: without heads.
        asked: training dialogs.
        near: candidates among the forty nearest.
        random: candidates drawn from the whole base.
        seed: of the draws.

    Raises:
        BadInput: the base has too few pairs.
    """
    generator = np.random.default_rng(seed)
    good = _good_rows(retriever)
    rows = []
    for each, found in zip(asked, replace(retriever, k=WIDE).find([each.dialog for each in asked]), strict=True):
        own = duplicate_key(each.truth)
        others = [row for row in found if duplicate_key(retriever.example(row).answer) != own]
        if len(others) < near:
            raise BadInput(
                f"the base gives only {len(others)} pairs for a dialog, {near} are tried; give a larger base"
            )
        further = 2 + np.sort(generator.choice(len(others) - 2, near - 2, replace=False))
        rows.append([*others[:2], *(others[at] for at in further), *generator.choice(good, random, replace=False)])
    table = np.array(rows, dtype=np.int64)
    repeated = [each for each in asked for _ in range(near + random)]
    shown = [retriever.show([row]) for row in table.ravel().tolist()]
    return Scored(
        rows=table,
        losses=true_losses(model, repeated, shown, "scoring pairs").reshape(table.shape),
        plain=true_losses(model, asked, [NOTHING] * len(asked), "scoring dialogs"),
        near=near,
    )


def tuned_heads(retriever: PairRetriever, asked: Sequence[Asked], scored: Scored, seed: int) -> Heads:
    """Heads by UPRISE's loop: the pair that helps most is the positive, the two worst are negatives.

    Dialogs that no pair helps are left out; a fifth of the others, by conversation, is held out to stop in time.

    Raises:
        BadInput: pairs help too few dialogs.
    """
    queries = retriever.queries([each.dialog for each in asked])
    keys = np.asarray(retriever.base.contents.context_vectors[scored.rows], dtype=np.float32)
    helped = np.flatnonzero(scored.losses.min(axis=1) < scored.plain)
    held = folds_of([asked[at] for at in helped.tolist()]) == 0
    if len(helped) <= FOLDS or min(held.sum(), (~held).sum()) < 2:
        raise BadInput(
            f"a pair helps only {len(helped)} of {len(asked)} dialogs, too few of different conversations to learn "
            "from: try more pairs or more dialogs, or another base"
        )
    order = np.argsort(scored.losses, axis=1)
    pairs = [
        Pairs(
            queries=queries[part],
            positives=keys[part, order[part, 0]],
            negatives=np.take_along_axis(keys[part], order[part, -2:][..., None], axis=1),
            ids=scored.rows[part, order[part, 0]],
        )
        for part in (helped[~held], helped[held])
    ]
    start = Heads.identity(queries.shape[1], retriever.base.manifest.encoder_fingerprint)
    return fit_heads(pairs[0], start=start, held_out=pairs[1], settings=replace(FIT, seed=seed))


def picked(retriever: PairRetriever, asked: Sequence[Asked], scored: Scored, seed: int) -> dict[str, Floats]:
    """Loss with the candidate that each way picks among those scored; float32 (dialogs,) by way.

    ``tuned`` is cross-fitted: every dialog is judged by heads that were trained on the other conversations.
    """
    queries = retriever.queries([each.dialog for each in asked])
    keys = np.asarray(retriever.base.contents.context_vectors[scored.rows], dtype=np.float32)
    tuned = np.zeros(scored.losses.shape, dtype=np.float32)
    folds = folds_of(asked)
    for fold in range(FOLDS):
        own = folds == fold
        rest = Scored(rows=scored.rows[~own], losses=scored.losses[~own], plain=scored.plain[~own], near=scored.near)
        heads = tuned_heads(retriever, [each for at, each in enumerate(asked) if not own[at]], rest, seed)
        flat = heads.replies(keys[own].reshape(-1, keys.shape[-1])).reshape(keys[own].shape)
        tuned[own] = np.einsum("nd,nmd->nm", heads.queries(queries[own]), flat)
    untuned = np.einsum("nd,nmd->nm", queries, keys)
    each = np.arange(len(asked))
    return {
        "none": scored.plain,
        "random": scored.losses[:, scored.near :].mean(axis=1),
        "untuned": scored.losses[each, untuned.argmax(axis=1)],
        "tuned": scored.losses[each, tuned.argmax(axis=1)],
        "oracle": scored.losses.min(axis=1),
    }


def folds_of(asked: Sequence[Asked]) -> NDArray[np.intp]:
    """The fold of each dialog, (dialogs,); dialogs of one conversation are in one."""
    names = [each.conversation or at for at, each in enumerate(asked)]
    numbers = {name: at for at, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] % FOLDS for name in names], dtype=np.intp)


def _good_rows(retriever: PairRetriever) -> NDArray[np.intp]:
    return np.flatnonzero(retriever.good[retriever.base.contents.phrase_of_context])
