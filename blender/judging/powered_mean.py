"""The prediction-powered mean of clustered data, with power tuning."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from blender.judging.resampling import NOTHING, Interval
from blender.matrix import Doubles

_ROUNDING = 1e-9  # a weight below it is none, and costs no degree of freedom


@dataclass(frozen=True, slots=True, kw_only=True)
class PoweredMean:
    """A mean estimated twice.

    Attributes:
        powered: from labels and predictions.
        human: from labels alone, by the same formula with weight 0.
        weight: of the predictions, 0..1; NaN if there are fewer than two labelled clusters.
    """

    powered: Interval
    human: Interval
    weight: float


def powered_mean(
    labels: Doubles, predictions: Doubles, cluster: NDArray[np.intp], silent: NDArray[np.bool_] | None = None
) -> PoweredMean:
    """Estimate the mean label of all answers from the labels of some and the predictions of all.

    Each cluster's influence on the estimate is a + weight * b: a its labelled answers' deviations from their mean, b
    what its predictions add. Clusters are independent, so the variance is the sum of squared influences, and the weight
    that makes it smallest is -sum(ab) / sum(b^2), held within 0..1. Without clusters this is the tuning of
    arXiv:2311.01453, cov(label, prediction) / ((1 + n / N) var(prediction)). 95 % intervals by Student's t with as many
    degrees of freedom as labelled clusters less one, and one less for a weight that was fitted.

    Answers that are 0 by rule are no sample of anything: the others are estimated, and their mean is multiplied by
    their share of all, a cluster's influence on that share included.

    Args:
        labels: float64 (answers,); NaN = not labelled. The labelled ones must be a random sample.
        predictions: float64 (answers,); NaN = none, which leaves an answer out.
        cluster: (answers,), the root dialog of each.
        silent: bool (answers,), those that are 0 by rule; default: none.

    Returns:
        Intervals cut to 0..1; all NaN without labels, without ends where fewer than two clusters are labelled.
    """
    silent = np.zeros(len(labels), dtype=np.bool_) if silent is None else silent
    some = ~np.isnan(predictions) & ~silent
    known, left = some & ~np.isnan(labels), some & np.isnan(labels)
    if not known.any():
        return PoweredMean(powered=NOTHING, human=NOTHING, weight=math.nan)
    share = float((~silent).mean())
    mean, clusters = share * float(labels[known].mean()), len(np.unique(cluster[known]))
    if clusters < 2:
        lone = Interval(value=mean, low=math.nan, high=math.nan)
        return PoweredMean(powered=lone, human=lone, weight=math.nan)
    every = np.ones_like(silent)
    own = share * _influence(labels, known, cluster) + mean / share * _influence(~silent, every, cluster)
    added = share * (_influence(predictions, left, cluster) - _influence(predictions, known, cluster))
    power = float((added**2).sum())
    tuned = float(np.clip(-(own @ added) / power, 0, 1)) if left.any() and power > 0 else 0.0
    weight = tuned if tuned > _ROUNDING else 0.0
    gain = share * float(predictions[left].mean() - predictions[known].mean()) if weight else 0.0
    return PoweredMean(
        powered=_interval(mean + weight * gain, own + weight * added, clusters, clusters - 1 - (weight > 0)),
        human=_interval(mean, own, clusters, clusters - 1),
        weight=weight,
    )


def _influence(values: Doubles | NDArray[np.bool_], some: NDArray[np.bool_], cluster: NDArray[np.intp]) -> Doubles:
    """What each cluster adds to the mean of some of the values, beyond its expectation; float64 (clusters,)."""
    if not some.any():
        return np.zeros(int(cluster.max()) + 1)
    apart = (values[some] - values[some].mean()) / some.sum()
    sums = np.zeros(int(cluster.max()) + 1)
    np.add.at(sums, cluster[some], apart)
    return sums


def _interval(value: float, influence: Doubles, clusters: int, freedom: int) -> Interval:
    spread = math.sqrt(float((influence**2).sum()) * clusters / (clusters - 1))
    reach = float(stdtrit(max(1, freedom), 0.975)) * spread
    ends = np.clip([value, value - reach, value + reach], 0, 1)
    return Interval(value=float(ends[0]), low=float(ends[1]), high=float(ends[2]))
