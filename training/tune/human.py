"""What people said: does an interest go with their specificity, and do tuned heads order their pools better?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blender.errors import BadInput
from blender.index.context import context_text
from blender.index.heads import Heads
from blender.judging.answers import root_of
from blender.judging.headroom import bootstrap, recovered
from blender.judging.labels import read_labels
from blender.judging.pools import LabelledPool
from blender.judging.rank_correlation import spearman
from blender.judging.resampling import Interval
from blender.judging.target import targets
from blender.training.examples import once
from blender.training.prepare import drawn
from blender.training.tune.contrastive import Embedding
from blender.training.tune.dialogues import Pair
from blender.training.tune.interest import log_perplexity, mean_rarity
from blender.training.tune.judge import JUDGE_SETS, Judge, prepared_sets
from blender.training.tune.recall import plain
from blender.words import words

SETS = ("dstc10-persona", "dstc7", "usr-personachat", "fed-turn")
POOLS = ("dstc10-persona", "usr-personachat", "dailydialog-gupta", "dstc7")
MOST_ANSWERS, MOST_POOLS = 1_000, 300
_DRAWS = 1_000


def correlations(data: Path, paying: Judge, judging: Judge) -> dict[str, dict[str, Any]]:
    """Spearman's correlation of every interest with human specificity, by set.

    P(specific) comes from the heads that did not see the set's family. Intervals are 95 % bootstrap over contexts.
    """
    files = {name: data / "labelled" / f"{name}.jsonl" for name in SETS}
    return {name: correlation(path, judging if name not in JUDGE_SETS[1] else paying) for name, path in files.items()}


def correlation(path: Path, judge: Judge, locale: str = "en") -> dict[str, Any]:
    """Spearman's correlation of every interest, and of the word count, with the human specificity of a label file.

    Raises:
        BadInput: the file is wrong, or holds no label of specificity.
    """
    prepared = prepared_sets([path], locale)
    shown = once(prepared.examples.views)
    mean = len(prepared.examples.matrix) / max(len(shown), 1)
    few = {id(pool) for pool in drawn([prepared.labelled[at] for at in shown], round(MOST_ANSWERS / max(mean, 1)))}
    chosen = [at for at in shown if id(prepared.labelled[at]) in few]
    labelled = [prepared.labelled[at] for at in chosen]
    texts = [candidate.text for pool in labelled for candidate in pool.pool.candidates]
    specific = np.concatenate([pool.specific for pool in labelled]).astype(np.float64)
    if np.isnan(specific).all():
        raise BadInput(f"{path.name} holds no label of specificity; give one whose rows have 'specific'")
    known: dict[tuple[str, str], int] = {}
    roots = np.array([known.setdefault(root_of(pool), len(known)) for pool in labelled for _ in pool.pool.candidates])
    losses = log_perplexity(texts).astype(np.float64)
    values = {
        "1-perplexity": -losses,
        "perplexity": losses,
        "specific": judge.probabilities(prepared.examples.take(chosen).matrix)[1].astype(np.float64),
        "rarity": mean_rarity(texts, locale).astype(np.float64),
        "words": np.array([len(words(text)) for text in texts], dtype=np.float64),
    }
    return {"n": len(texts), "contexts": len(labelled)} | {
        interest: plain(_spearman(each, specific, roots)) for interest, each in values.items()
    }


def _spearman(values: NDArray[np.float64], labels: NDArray[np.float64], roots: NDArray[np.intp]) -> Interval:
    known = ~np.isnan(values) & ~np.isnan(labels)
    return spearman(values[known], labels[known], roots[known], draws=_DRAWS, seed=0)


def head_room(data: Path, heads: Mapping[str, Sequence[Heads]], embedding: Embedding) -> dict[str, dict[str, Any]]:
    """Head-room that the cosine under heads recovers on human-labelled pools of machine answers, by set and name.

    Several heads of one name are seeds: what they recover of a context is averaged.
    """
    found: dict[str, dict[str, Any]] = {}
    for name in POOLS:
        pools = [pool.machine_only() for pool in read_labels(data / "labelled" / f"{name}.jsonl")]
        pools = drawn([pool for pool in pools if len(pool) > 1], MOST_POOLS)
        aims = targets(pools)
        queries, replies, sizes = _embedded(pools, embedding)
        found[name] = {"target": aims.name}
        for way, seeds in heads.items():
            shares = []
            for each in seeds:
                scores = np.einsum("nd,nd->n", each.queries(queries), each.replies(replies))
                shares.append(recovered(aims.values, np.split(scores, np.cumsum(sizes)[:-1]), draws=1).per_context)
            mean = np.mean(shares, axis=0)
            found[name] |= {"n": int((~np.isnan(mean)).sum()), way: plain(bootstrap(mean, draws=_DRAWS))}
    return found


def _embedded(pools: Sequence[LabelledPool], embedding: Embedding) -> tuple[Any, Any, list[int]]:
    pairs = [
        Pair(context=context_text(pool.pool.dialog.texts, 3) or " ", reply=candidate.text or " ", conversation="")
        for pool in pools
        for candidate in pool.pool.candidates
    ]
    vectors = embedding.pairs(pairs)
    return vectors.queries, vectors.positives, [len(pool) for pool in pools]
