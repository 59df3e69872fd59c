"""What a fact head does on items that it was not trained on, beside what closeness to the facts does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blender.features.support import Support
from blender.judging.resampling import Interval, ratios
from blender.models.fact_reading import KINDS, FactHead
from blender.models.language_model import LanguageModel
from blender.training.facts.items import Written
from blender.training.report import table

BACKED, CONTRARY, _ = range(len(KINDS))
PAIRS = (("backed", "contrary"), ("neither", "contrary"), ("backed", "neither"))
SURE, DRAWS = 0.9, 2000


def measured(head: FactHead, model: LanguageModel, written: Written, seed: int) -> dict[str, Any]:
    """How often the better of two answers of an item stands above, by each score; what ``contrary`` finds when sure."""
    from sklearn.metrics import roc_auc_score

    informed, plain = (np.concatenate(model.states(written.pools, informed=told)) for told in (True, False))
    likely = head.probabilities(informed, plain)
    support = Support().annotate(written.pools)
    scores = {
        "backed": likely[:, BACKED],
        "not contrary": -likely[:, CONTRARY],
        "support.best": support[:, 0],
        "support.words": np.nan_to_num(support[:, 1]),
    }
    contrary = written.kinds == CONTRARY
    sure = likely[:, CONTRARY] >= SURE
    return {
        "items": len(written.pools),
        "answers": len(written.kinds),
        "pairs": {name: _pairs(values, written, seed) for name, values in scores.items()},
        "contrary, AUROC": float(roc_auc_score(contrary, likely[:, CONTRARY])),
        "sure": {"from": SURE, "of contrary": float(sure[contrary].mean()), "of others": float(sure[~contrary].mean())},
    }


def _pairs(scores: NDArray[np.floating], written: Written, seed: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for better, worse in PAIRS:
        shares = pair_shares(scores, written, better, worse)
        known = ratios(np.array(shares)[:, None], np.ones((len(shares), 1)), draws=DRAWS, seed=seed)[0]
        found[f"{better} above {worse}"] = {"items": len(shares), "share": [known.value, known.low, known.high]}
    return found


def pair_shares(scores: NDArray[np.floating], written: Written, better: str, worse: str) -> list[float]:
    """Of each item that has both kinds, how often an answer of one stands above one of the other; ties count half."""
    found = []
    for number in range(len(written.pools)):
        own = written.items == number
        high, low = (scores[own & (written.kinds == KINDS.index(kind))] for kind in (better, worse))
        if len(high) and len(low):
            apart = high[:, None] - low[None, :]
            found.append(float(np.mean((apart > 0) + 0.5 * (apart == 0))))
    return found


def metric_lines(metrics: Mapping[str, Any]) -> Iterator[str]:
    """Markdown."""
    pairs = metrics["pairs"]
    names = list(next(iter(pairs.values())))
    rows = [[score, *(_shown(each[name]) for name in names)] for score, each in pairs.items()]
    yield from table(["score", *names], rows)
    sure = metrics["sure"]
    yield ""
    yield (
        f"{metrics['items']} items, {metrics['answers']} answers; per cent of pairs of one item, 95 % intervals over "
        f"items. AUROC of contrary against the others {metrics['contrary, AUROC']:.2f}. At a probability of "
        f"{sure['from']} or more it finds {sure['of contrary']:.0%} of the contrary answers and "
        f"{sure['of others']:.1%} of the others."
    )


def _shown(pair: Mapping[str, Any]) -> str:
    value, low, high = pair["share"]
    return f"{Interval(value=value, low=low, high=high).shown(0)} of {pair['items']}"
