"""Tables of the comparison, markdown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from blender.judging.resampling import Interval
from blender.training.prompts.choosing import PICKS
from blender.training.prompts.evaluate import ClusterResult, Key
from blender.training.prompts.summary import BARE, compare, compare_oracle, over_clusters
from blender.training.prompts.testing import WRITTEN, ZERO
from blender.training.report import table

TUNED: Key = ("tuned", 1)
_LIKELY = "log-likelihood of gold less zero-shot"


def name(key: Key) -> str:
    """A method with its number of prompts."""
    if key[0] == WRITTEN:
        return "an instruction that the model writes itself"
    return key[0] if key[0] == ZERO else f"{key[0]}, {key[1]} prompt{'s' if key[1] > 1 else ''}"


def show(interval: Interval, factor: float = 100, signed: bool = False) -> str:
    """A mean with its interval, in hundredths unless said otherwise."""
    if np.isnan(interval.value):
        return "none"
    return interval.shown(1 if factor == 100 else 2, scale=factor, sign="+" if signed else "")


def mean_table(results: Sequence[ClusterResult]) -> list[str]:
    """Every method: mean over clusters, and differences on the same rows to zero-shot, random and untuned."""
    keys = list(results[0].tested)
    head = ("prompts", "measure", "less zero-shot", "less random", "less untuned", "P(gold) less zero-shot", _LIKELY)
    rows = []
    for key in keys:
        cells = [name(key), show(compare(results, key).mean)]
        for rival in (BARE, ("random", key[1]), ("untuned", key[1])):
            skipped = rival not in keys or rival == key
            cells.append("" if skipped else show(compare(results, key, rival).mean, signed=True))
        for value, factor in (("score", 100.0), ("likelihood", 1.0)):
            cells.append("" if key == BARE else show(compare(results, key, BARE, value).mean, factor, signed=True))
        rows.append(cells)
    return table(head, rows)


def oracle_table(results: Sequence[ClusterResult]) -> list[str]:
    """The best of some random prompts by the gold answer, and their average, on the rows that were tried."""
    rows = []
    for label, best in (("average of the tried random prompts", False), ("oracle: best by the gold answer", True)):
        found = [compare_oracle(results, best, value) for value in ("measure", "score")]
        rows.append([label, found[0].rows, *(show(each.mean, signed=True) for each in found)])
    return table(("on a part of the rows", "rows", "measure less zero-shot", "P(gold) less zero-shot"), rows)


def cluster_table(results: Sequence[ClusterResult]) -> list[str]:
    """One line a cluster: the measure of zero-shot and of the tuned retriever, and differences on the same rows."""
    plain, tuned = compare(results, BARE), compare(results, TUNED)
    gains = [compare(results, TUNED, rival) for rival in (BARE, ("random", 1), ("untuned", 1))]
    likely = compare(results, TUNED, BARE, "likelihood")
    head = ("cluster", "rows", "zero-shot", "tuned", "tuned less zero-shot", "less random", "less untuned", _LIKELY)
    rows = []
    for result in results:
        at = result.fold.cluster
        cells = [at.replace("_", " "), str(len(result.fold.rows)), show(plain.clusters[at]), show(tuned.clusters[at])]
        cells += [show(each.clusters[at], signed=True) for each in gains]
        rows.append([*cells, show(likely.clusters[at], 1, signed=True)])
    return table(head, rows)


def picked_table(results: Sequence[ClusterResult]) -> list[str]:
    """Which of the tried prompts each would have picked: gain in P(gold) over zero-shot on the scored rows."""
    head = ("picks among the tried prompts of other clusters", "rows", "P(gold) less zero-shot", "less random")
    rows = []
    known = {each.fold.cluster: each.picked for each in results if len(each.picked)}
    for at, label in enumerate(PICKS):
        gain = over_clusters({cluster: gains[:, at] for cluster, gains in known.items()})
        apart = over_clusters({cluster: gains[:, at] - gains[:, 0] for cluster, gains in known.items()})
        cells = [label if label != "best" else "best by the gold answer (bound)", f"{gain.rows:,}"]
        cells += [show(gain.mean, signed=True), "" if at == 0 else show(apart.mean, signed=True)]
        rows.append(cells)
    return table(head, rows)
