"""Fitting the order of a pool: a linear part, and LightGBM trees on what it leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from blender.errors import BadInput
from blender.matrix import RANK, Z
from blender.terms import Linear, Trees, base_column
from blender.training.boosting import tree_parameters
from blender.training.examples import Doubles, Examples, per_row, pool_weights
from blender.training.headroom import HeadRoom
from blender.training.linear import Directions, centred, fit_linear, linear_score, row_weights

if TYPE_CHECKING:
    import lightgbm

GRADES = 30
# Columns of one language model, and of all networks but the encoder that retrieval needs anyway.
_LANGUAGE_MODEL = ("perplexity", "states", "coherence")
LATE_TOGETHER = (_LANGUAGE_MODEL, (*_LANGUAGE_MODEL, "reply"))


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSettings:
    """How the order is learnt.

    Attributes:
        objective: ``lambdarank`` on integer grades with linear gain (Burges 2010), or ``regression`` on the
            target less the pool's mean.
        columns: what the trees read: ``relative`` (rank and z-score in the pool), ``z`` or ``both`` (raw as well).
        ridge: pull of the linear part towards the plain average of z-scores; in units of a column's variance.
        leaves: of each tree.
        rate: learning rate.
        most_rounds: trees at most; cross-validation picks how many.
        rounds: how many trees, without asking cross-validation; ``None`` asks.
        smallest_leaf: rows in a leaf at least.
        l2: penalty on leaf values, in rows.
        monotone: trees may not go against a column's direction.
        whole_pools: learn also from judged contexts with all their candidates, human and random ones included.
        missing: share of pools of which an annotator's columns are hidden while training, see `gaps`.
        evenness: 1 = families, and sets in a family, count alike; 0 = contexts count alike.
        bags: boosters with different seeds that are averaged.
        seed: of everything random.
    """

    objective: Literal["lambdarank", "regression"] = "regression"
    columns: Literal["relative", "z", "both"] = "both"
    ridge: float = 0.3
    leaves: int = 6
    rate: float = 0.07
    most_rounds: int = 150
    rounds: int | None = None
    smallest_leaf: int = 60
    l2: float = 30.0
    monotone: bool = True
    whole_pools: bool = True
    missing: float = 0.15
    evenness: float = 1.0
    bags: int = 3
    seed: int = 0


def tree_columns(plain: Sequence[str], which: str) -> tuple[str, ...]:
    """The columns trees read, by :class:`OrderSettings`'s ``columns``."""
    z = tuple(name + Z for name in plain)
    rank = tuple(name + RANK for name in plain)
    return {"z": z, "relative": z + rank, "both": z + rank + tuple(plain)}[which]


def gaps(examples: Examples, share: float, generator: np.random.Generator) -> NDArray[np.bool_]:
    """Which plain columns to hide of which row, bool (n_rows, n_columns).

    In a ``share`` of the pools one annotator, as if it had timed out there, and in as many again those that a deadline
    cuts together (each of ``LATE_TOGETHER``), so that the ranker learns to do without them.
    """
    owners = np.array([name.partition(".")[0] for name in examples.matrix.columns])
    names = np.unique(owners)
    lost = generator.integers(len(names), size=len(examples))
    hidden = (owners == names[lost][:, None]) & (generator.random(len(examples)) < share)[:, None]
    part = generator.random(len(examples)) // max(share, 1e-9)
    together = dict.fromkeys(tuple(name for name in group if name in names) for group in LATE_TOGETHER)
    for at, group in enumerate(together):
        hidden |= np.isin(owners, group) & (part == at)[:, None]
    found: NDArray[np.bool_] = np.repeat(hidden, examples.matrix.group_sizes, axis=0)
    return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Order:
    """A fitted order.

    Attributes:
        linear: its linear part, in the scale of the trees.
        trees: its trees.
        curve: head-room recovered on the pools held out after 0, 1, 2, ... trees; empty without such pools.
    """

    linear: Linear
    trees: Trees
    curve: tuple[float, ...] = ()


def fit_order(
    examples: Examples,
    directions: Directions,
    settings: OrderSettings,
    *,
    rounds: int | None = None,
    held_out: Examples | None = None,
) -> Order:
    """Fit the linear part and the trees.

    Args:
        examples: pools to learn from; rows without a target are left out.
        directions: +1, -1 or 0 by plain column: which way is better.
        settings: how.
        rounds: number of trees per bag; default ``settings.most_rounds``.
        held_out: pools on which head-room is measured after every tree (then one bag is fitted).

    Raises:
        BadInput: no pool has two labelled candidates.
    """
    wanted = [at for at, view in enumerate(examples.views) if settings.whole_pools or view != "whole"]
    known = examples.take(wanted).labelled_rows().ordinary()
    if not len(known):
        raise BadInput(
            "without what is held out to be judged on no context has two labelled answers, so there is no choice to "
            "learn from; label several answers to each of more contexts"
        )
    linear = _scaled(fit_linear(known, directions, settings), known, settings)
    columns = tree_columns(known.matrix.columns, settings.columns)
    rounds = settings.most_rounds if rounds is None else rounds
    if rounds < 1:
        start = linear_score(linear, held_out.inputs(linear.columns)) if held_out else np.zeros(0)
        only = (HeadRoom.of(held_out).recovered(start),) if held_out else ()
        return Order(linear=linear, trees=Trees(columns=(), texts=()), curve=only)
    texts: list[str] = []
    curve: tuple[float, ...] = ()
    for bag in range(1 if held_out else settings.bags):
        text, curve = _boost(known, columns, linear, directions, settings, bag, rounds, held_out)
        texts.append(text)
    return Order(linear=linear, trees=Trees(columns=columns, texts=tuple(texts)), curve=curve)


def _scaled(linear: Linear, examples: Examples, settings: OrderSettings) -> Linear:
    """LambdaRank's scores are log-odds of pairs: the linear part gets the scale on which pairs fit best."""
    if settings.objective == "regression":
        return linear
    score = linear_score(linear, examples.inputs(linear.columns))
    first, second = [], []
    for span in examples.matrix.groups():
        a, b = np.triu_indices(span.stop - span.start, k=1)
        first.append(span.start + a)
        second.append(span.start + b)
    gap = score[np.concatenate(first)] - score[np.concatenate(second)]
    better = np.sign(examples.target[np.concatenate(first)] - examples.target[np.concatenate(second)])
    scales = np.geomspace(0.1, 30, 40)
    loss = [np.logaddexp(0, -scale * gap[better != 0] * better[better != 0]).mean() for scale in scales]
    factor = float(scales[int(np.argmin(loss))]) if (better != 0).any() else 1.0
    return Linear(columns=linear.columns, weights=(linear.weights * factor).astype(np.float32))


def _boost(
    examples: Examples,
    columns: tuple[str, ...],
    linear: Linear,
    directions: Directions,
    settings: OrderSettings,
    bag: int,
    rounds: int,
    held_out: Examples | None,
) -> tuple[str, tuple[float, ...]]:
    import lightgbm

    seed = 1000 * settings.seed + bag
    mixed = examples.shuffled(seed)
    train = _training_set(mixed, columns, linear, settings, seed)
    given = parameters(settings, columns, directions, mixed, seed)
    if held_out is None:
        return lightgbm.train(given, train, rounds).model_to_string(), ()
    room, start = HeadRoom.of(held_out), linear_score(linear, held_out.inputs(linear.columns))
    watched = train.create_valid(
        held_out.inputs(columns),
        label=np.zeros(len(start)),
        group=list(held_out.matrix.group_sizes) if settings.objective == "lambdarank" else None,
        init_score=start,
    )
    seen: dict[str, dict[str, list[float]]] = {}
    booster = lightgbm.train(
        {**given, "metric": "none"},
        train,
        rounds,
        valid_sets=[watched],
        valid_names=["held out"],
        feval=lambda scores, _: ("head-room", room.recovered(scores), True),
        callbacks=[lightgbm.record_evaluation(seen)],
    )
    return booster.model_to_string(), (room.recovered(start), *seen["held out"]["head-room"])


def _training_set(
    mixed: Examples, columns: tuple[str, ...], linear: Linear, settings: OrderSettings, seed: int
) -> lightgbm.Dataset:
    """What the trees of a bag learn from: values and starting scores with gaps, labels and weights of the objective."""
    import lightgbm

    plain = {name: at for at, name in enumerate(mixed.matrix.columns)}
    hidden = gaps(mixed, settings.missing, np.random.default_rng(seed))
    values = mixed.inputs(columns)
    values[hidden[:, [plain[base_column(name)] for name in columns]]] = np.nan
    ranking = settings.objective == "lambdarank"
    return lightgbm.Dataset(
        values,
        label=grades(mixed.target) if ranking else centred(mixed),
        weight=per_row(pool_weights(mixed, settings.evenness), mixed)
        if ranking
        else row_weights(mixed, settings.evenness),
        group=list(mixed.matrix.group_sizes) if ranking else None,
        init_score=linear_score(linear, np.where(hidden, np.nan, mixed.inputs(linear.columns))),
        feature_name=list(columns),
        free_raw_data=False,
    )


def grades(target: Doubles) -> NDArray[np.int32]:
    """The target as integer grades 0..30, as LambdaRank wants them."""
    return np.rint(np.clip(target, 0, 1) * GRADES).astype(np.int32)


def parameters(
    settings: OrderSettings, columns: Sequence[str], directions: Directions, examples: Examples, seed: int
) -> dict[str, Any]:
    """LightGBM's parameters for an order."""
    found = tree_parameters(settings.objective, settings, seed)
    if settings.monotone:
        found["monotone_constraints"] = [directions.get(base_column(name), 0) for name in columns]
    if settings.objective == "lambdarank":
        found["label_gain"] = list(range(GRADES + 1))
        found["lambdarank_truncation_level"] = max(examples.matrix.group_sizes, default=1)
    return found
