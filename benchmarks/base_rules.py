"""What simple rules over a base's scores do to held-out dialogs; a part of ``base_scores.py``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from blender import Blender
from blender.index.base import PhraseBase
from blender.index.context import TURN_BREAK
from blender.index.corpus import Phrase
from blender.judging.resampling import Interval, ratios
from blender.pooling import duplicate_key
from blender.records import Candidate, Dialog, Pool
from blender.sources.retrieval import Retrieval
from blender.words import words

NONE = "no rule"
RULES: Mapping[str, dict[str, Any]] = {
    NONE: {},
    "drop perplexity.alone < q10": {"drop": ["perplexity.alone < q10"]},
    "drop perplexity.alone > q90": {"drop": ["perplexity.alone > q90"]},
    "keep length.words >= 6": {"keep": ["length.words >= 6"]},
    "boost perplexity.alone -0.1": {"boost": {"perplexity.alone": -0.1}},
    "boost perplexity.alone 0.1": {"boost": {"perplexity.alone": 0.1}},
    "boost rarity.mean 0.1": {"boost": {"rarity.mean": 0.1}},
}
DRAWS, SEED, COMPANY = 1_000, 0, 4


def dialogs(phrases: Sequence[Phrase]) -> list[Dialog]:
    """The contexts of pairs."""
    return [Dialog.of(each.context.split(TURN_BREAK), id=str(at)) for at, each in enumerate(phrases)]


def recalls(base: Path, phrases: Sequence[Phrase]) -> dict[str, dict[str, Any]]:
    """Share of the contexts whose true reply is among the first 10 that are found by themselves, for each rule."""
    asked = dialogs(phrases)
    truth = [duplicate_key(each.reply) for each in phrases]
    hits = {}
    for name, rules in RULES.items():
        found = Retrieval(base=str(base), on="reply", min_score=-1, rules=rules).propose(asked, 10)
        keys = [{duplicate_key(each.text) for each in candidates} for candidates in found]
        hits[name] = np.array([true in some for true, some in zip(truth, keys, strict=True)], dtype=float)
    return {name: _against(values, hits[NONE]) for name, values in hits.items()}


def tops(base: Path, phrases: Sequence[Phrase]) -> dict[str, dict[str, dict[str, Any]]]:
    """P(sensible), P(specific) by the default bundle and words of the first answer, for each rule.

    The first answers of all rules and the nearest phrases stand in one pool, so that all are judged in one company.
    """
    asked = dialogs(phrases)
    first = {name: Retrieval(base=str(base), rules=rules).propose(asked, COMPANY) for name, rules in RULES.items()}
    pools = []
    for at, dialog in enumerate(asked):
        texts = [first[name][at][0].text for name in RULES] + [each.text for each in first[NONE][at]]
        made = [Candidate(text=text, source="retrieval", kind="retrieval") for text in dict.fromkeys(texts)]
        pools.append(Pool(dialog=dialog, candidates=tuple(made)))
    chosen = Blender.load("default").choose_pools(pools)
    values: dict[str, dict[str, list[float]]] = {}
    for name in RULES:
        rows = [pool.texts.index(first[name][at][0].text) for at, pool in enumerate(pools)]
        values[name] = {
            "sensible": [float(each.scores.sensible[row]) for each, row in zip(chosen, rows, strict=True)],
            "specific": [float(each.scores.specific[row]) for each, row in zip(chosen, rows, strict=True)],
            "words": [float(len(words(pool.texts[row]))) for pool, row in zip(pools, rows, strict=True)],
            "changed": [
                float(row != pool.texts.index(first[NONE][at][0].text))
                for at, (pool, row) in enumerate(zip(pools, rows, strict=True))
            ],
        }
    return {
        name: {key: _against(np.array(each), np.array(values[NONE][key])) for key, each in measures.items()}
        for name, measures in values.items()
    }


def examples(base: Path, most: int = 5) -> dict[str, list[str]]:
    """The blandest and the strangest phrases, as `blend base review` finds them."""
    from blender.index.scores import BaseScores
    from blender.serving.base.reasons import BLAND, STRANGE, outstanding

    opened = PhraseBase.open(base)
    scores = BaseScores.open(opened)
    texts = opened.contents.phrases["text"]
    found = {
        "blandest": outstanding(scores, "bland", BLAND, most),
        "strangest": outstanding(scores, "strange", STRANGE, most),
    }
    return {name: [texts[reason.row].as_py() for reason in reasons] for name, reasons in found.items()}


def _against(values: np.ndarray, plain: np.ndarray) -> dict[str, Any]:
    """Mean, and its difference from no rule with a 95 % interval over contexts."""
    ones = np.ones((len(values), 1))
    (apart,) = ratios((values - plain)[:, None], ones, draws=DRAWS, seed=SEED)
    return {"mean": round(float(values.mean()), 4), "n": len(values), "difference": _rounded(apart)}


def _rounded(interval: Interval) -> list[float]:
    return [round(interval.value, 4), round(interval.low, 4), round(interval.high, 4)]
