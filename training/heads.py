"""P(sensible) and P(specific): trees on soft labels, then a calibration curve from out-of-fold predictions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blender.matrix import FeatureMatrix
from blender.terms import Curve, Head, Linear, Trees
from blender.training.boosting import THREADS, tree_parameters
from blender.training.crossval import inner_folds
from blender.training.examples import Doubles, Examples
from blender.training.fit import gaps
from blender.training.linear import row_weights
from blender.training.probe import fit_probe

FEWEST_ROWS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadSettings:
    """How a probability is learnt.

    Attributes:
        leaves: of each tree.
        rate: learning rate.
        most_rounds: trees at most; cross-validation picks how many.
        rounds: how many trees, without asking cross-validation; ``None`` asks.
        smallest_leaf: rows in a leaf at least.
        l2: penalty on leaf values.
        pull: of the probe of hidden states, see `blender.training.probe.fit_probe`.
        missing: share of pools of which an annotator's columns are hidden while training, see
            `blender.training.fit.gaps`.
        evenness: 1 = families count alike; 0 = contexts count alike.
        bags: boosters with different seeds that are averaged.
        chained: let P(specific) come from the mean of both heads' scores: what is not sensible is not specific, and
            many more rows say what is sensible. On families left out P(specific) is much better for it (docs/trust.md).
            The order of a pool is the same.
        seed: of everything random.
    """

    leaves: int = 8
    rate: float = 0.05
    most_rounds: int = 150
    rounds: int | None = None
    smallest_leaf: int = 80
    l2: float = 30.0
    pull: float = 5000.0
    missing: float = 0.15
    evenness: float = 0.5
    bags: int = 2
    chained: bool = False
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Fitted:
    """Probe and trees; per row the raw score by such as did not see it, and a weight (0: of a pool without labels)."""

    probe: Linear
    trees: Trees
    raw: Doubles
    weights: Doubles

    def head(self, label: Doubles) -> Head:
        return Head(trees=self.trees, curve=self._curve(self.raw, label), probe=self.probe)

    def head_after(self, first: _Fitted, before: Head, label: Doubles) -> Head:
        """Whose probability comes from its own score and that of another label."""
        curve = self._curve((self.raw + first.raw) / 2, label)
        return Head(trees=self.trees, curve=curve, probe=self.probe, after=before)

    def _curve(self, raw: Doubles, label: Doubles) -> Curve:
        usable = ~(np.isnan(raw) | np.isnan(label))
        return calibrate(raw[usable], label[usable], self.weights[usable])


def fit_head(examples: Examples, label: Doubles, settings: HeadSettings) -> Head | None:
    """Fit P(label) on plain columns; ``None`` where fewer than 40 rows are labelled or all labels are equal.

    Args:
        examples: pools to learn from.
        label: float64 (n_rows,) on 0..1, the share of raters who said yes or a scaled mean; NaN = not labelled.
        settings: how.
    """
    fitted = _fit(examples, label, settings)
    return fitted.head(label) if fitted else None


def fit_heads(examples: Examples, settings: HeadSettings) -> tuple[Head | None, Head | None]:
    """P(sensible) and P(specific); each ``None`` as `fit_head` says."""
    first, second = (_fit(examples, label, settings) for label in (examples.sensible, examples.specific))
    sensible = first.head(examples.sensible) if first else None
    if first and second and sensible and settings.chained:
        return sensible, second.head_after(first, sensible, examples.specific)
    return sensible, second.head(examples.specific) if second else None


def _fit(examples: Examples, label: Doubles, settings: HeadSettings) -> _Fitted | None:
    known = ~np.isnan(label)
    if known.sum() < FEWEST_ROWS or np.ptp(label[known]) < 1e-6:
        return None
    pools = [at for at, span in enumerate(examples.matrix.groups()) if known[span].any()]
    if len({examples.groups[at] for at in pools}) < 2:  # nothing to leave out
        return None
    rows = examples.rows(pools)
    labelled, soft = examples.take(pools), label[rows]
    raw, weights = np.full(len(label), np.nan), np.zeros(len(label))
    rounds, raw[rows] = _cross_validate(labelled, soft, settings)
    weights[rows] = row_weights(labelled, settings.evenness)
    probe, trees = _boost(labelled, soft, settings, rounds)
    # Unseen, and perhaps labelled for the head that comes after.
    others = sorted(set(range(len(examples))) - set(pools))
    unseen = examples.take(others)
    raw[examples.rows(others)] = trees.raw(unseen.matrix) + probe.score(unseen.inputs(probe.columns))
    return _Fitted(probe=probe, trees=trees, raw=raw, weights=weights)


def _cross_validate(examples: Examples, soft: Doubles, settings: HeadSettings) -> tuple[int, Doubles]:
    """Number of trees with the least held-out cross-entropy, and each row's raw score by trees that did not see it."""
    weights = row_weights(examples, settings.evenness)
    stages: list[tuple[NDArray[np.intp], NDArray[np.float64]]] = []
    total = np.zeros(settings.most_rounds)
    for fold in inner_folds(examples, seed=settings.seed):
        if not fold.train:
            continue
        probe, trees = _boost(
            examples.take(fold.train), soft[examples.rows(fold.train)], settings, settings.most_rounds, bags=1
        )
        rows, unseen = examples.rows(fold.held_out), examples.take(fold.held_out)
        begun = probe.score(unseen.inputs(probe.columns))
        staged = begun[:, None] + _staged(trees, unseen.matrix, settings.most_rounds)
        known = ~np.isnan(soft[rows])
        truth, weight = soft[rows][known], weights[rows][known]
        total += ((np.logaddexp(0, staged[known]) - truth[:, None] * staged[known]) * weight[:, None]).sum(0)
        stages.append((rows, staged))
    rounds = int(np.argmin(total)) + 1 if settings.rounds is None else settings.rounds
    raw = np.full(len(soft), np.nan)
    for rows, staged in stages:
        raw[rows] = staged[:, rounds - 1]
    return rounds, raw


def _staged(trees: Trees, matrix: FeatureMatrix, rounds: int) -> Doubles:
    """Raw scores after 1, 2, ... trees, float64 (n_rows, rounds)."""
    import lightgbm

    values, booster = matrix.select(trees.columns).values, lightgbm.Booster(model_str=trees.texts[0])
    steps = [
        np.asarray(booster.predict(values, raw_score=True, start_iteration=at, num_iteration=1, num_threads=THREADS))
        for at in range(rounds)
    ]
    return np.cumsum(np.stack(steps, axis=1), axis=1)


def _boost(
    examples: Examples, soft: Doubles, settings: HeadSettings, rounds: int, *, bags: int | None = None
) -> tuple[Linear, Trees]:
    import lightgbm

    weights = row_weights(examples, settings.evenness)
    probe = fit_probe(examples, soft, weights, settings.pull)
    begun, examples = probe.score(examples.inputs(probe.columns)), examples.ordinary()
    columns, texts = examples.matrix.columns, []
    for bag in range(settings.bags if bags is None else bags):
        seed = 1000 * settings.seed + bag
        hidden = gaps(examples, settings.missing, np.random.default_rng(seed))
        known = ~np.isnan(soft)
        data = lightgbm.Dataset(
            np.where(hidden, np.float32(np.nan), examples.matrix.values)[known],
            label=soft[known],
            weight=weights[known],
            init_score=begun[known] if probe.columns else None,
            feature_name=list(columns),
        )
        parameters = tree_parameters("cross_entropy", settings, seed)
        texts.append(lightgbm.train(parameters, data, rounds).model_to_string())
    return probe, Trees(columns=columns, texts=tuple(texts))


def calibrate(raw: Doubles, soft: Doubles, weights: Doubles | None = None) -> Curve:
    """A curve from raw scores to probabilities: Platt's sigmoid (Platt 1999), fitted on soft labels.

    Isotonic regression was tried: with families left out it levels off above a third of the scores, and a threshold
    or a rule on probabilities can no longer tell good candidates from very good ones.

    Args:
        raw: float64 (n,), out-of-fold raw scores.
        soft: float64 (n,), labels on 0..1; each row is a yes and a no, weighted by its label.
        weights: float64 (n,).
    """
    from sklearn.linear_model import LogisticRegression

    weight = np.ones(len(raw)) if weights is None else weights
    inputs = np.concatenate([raw, raw])[:, None]
    answers = np.concatenate([np.ones(len(raw)), np.zeros(len(raw))])
    shares = np.concatenate([weight * soft, weight * (1 - soft)])
    fitted = LogisticRegression(C=1.0)  # type: ignore[no-untyped-call]
    fitted.fit(inputs, answers, sample_weight=shares)
    # A falling curve would turn the trees round: then the flat one is the honest answer.
    slope = max(float(np.ravel(fitted.coef_)[0]), 0.0)
    bias = float(np.ravel(fitted.intercept_)[0]) if slope else float(np.log(_odds(soft, weight)))
    x = np.linspace(raw.min() - 1, raw.max() + 1, 101)
    return Curve(x=x, y=np.clip(1 / (1 + np.exp(-(slope * x + bias))), 0.01, 0.99))


def _odds(soft: Doubles, weight: Doubles) -> float:
    share = float(np.clip(np.average(soft, weights=weight), 0.01, 0.99))
    return share / (1 - share)
