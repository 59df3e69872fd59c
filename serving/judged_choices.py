"""Labelled pools put before a blender: what it chooses, and what its heads say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blender.bundle import HEADS, Bundle, load_bundle
from blender.engine import Blender
from blender.errors import BadInput
from blender.judging.conversations import conversations
from blender.judging.families import seen_in_training
from blender.judging.label_files import files_seen, read_label_files
from blender.judging.pools import LabelledPool
from blender.ranker import LearnedRanker
from blender.selection import Selection
from blender.serving.about import trained_on

Doubles = NDArray[np.float64]
_BATCH = 16


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Winners:
    """The winner of each conversation whose winner is labelled.

    Attributes:
        scores: its P(sensible), float64 (n,).
        sensible: its label, float64 (n,) on 0..1.
        unlabelled: contexts left out because the winner has no label, or every candidate was blocked.
        doubles: contexts left out because another one of their conversation was taken.
    """

    scores: Doubles
    sensible: Doubles
    unlabelled: int
    doubles: int


def machine_pools(files: Sequence[Path]) -> list[LabelledPool]:
    """The candidates of generators and retrievers of label files; all where no file says who made them.

    Raises:
        BadInput: a file is wrong, or there is no such candidate.
    """
    pools = read_label_files(files)
    kept = [
        pool if all(candidate.kind == "unknown" for candidate in pool.pool.candidates) else pool.machine_only()
        for pool in pools
    ]
    some = [pool for pool in kept if len(pool)]
    if not some:
        raise BadInput(
            "none of the labelled candidates was made by a generator or a retrieval; label what the blender's own "
            "sources propose, with their source_type"
        )
    return some


def learned(
    blender: Blender, name: str, labelled: Sequence[LabelledPool], heads: Sequence[str] = HEADS
) -> tuple[Bundle, LearnedRanker]:
    """The bundle and the ranker of a blender that gives one of some probabilities; of its replies, if labels are such.

    Raises:
        BadInput: it ranks by a rule, its bundle has none of these heads, or some labels are of replies and some not.
    """
    settings, use = blender.settings, blender.settings.ranker.get("use", "learned")
    own = sum(blender.parts.ranking(each.pool) is blender.parts.own for each in labelled)
    if own not in (0, len(labelled)):
        raise BadInput(
            f"of {own} of {len(labelled)} contexts all candidates name sources of the blender {name!r}, of the others "
            f"not ({', '.join(blender.parts.sources)}); its replies and other pools are ranked by two bundles, own and "
            "bundle: give the labels of one kind"
        )
    folder = settings.ranker_folder("own") if own else settings.bundle_folder()
    bundle = load_bundle(folder) if folder and use == "learned" else None
    if bundle is None or all(getattr(bundle.ranker, head) is None for head in heads):
        raise BadInput(
            f"the blender {name!r} does not give P({') or P('.join(heads)}): it ranks by a rule, or its bundle was "
            "trained without such labels; name one with a bundle that has them"
        )
    return bundle, bundle.ranker


def refuse_seen(files: Sequence[Path], labelled: Sequence[LabelledPool], blender: Blender) -> None:
    """Refuse labels that the bundle was trained or recalibrated on: its probabilities are better there than elsewhere.

    Raises:
        BadInput: it has seen these files, whatever they are called now, or some of these families.
    """
    known = trained_on(blender)
    again = files_seen(files, known)
    seen = seen_in_training(labelled, known)
    if again or seen:
        names = "" if again else " (it goes by their names: rename what holds other conversations)"
        raise BadInput(
            f"the bundle has seen {', '.join(again or seen)}{names}: its probabilities are too good there, and what is "
            "fitted or proved by these labels would not hold elsewhere; give labels of conversations it has not seen"
        )


def winners(labelled: Sequence[LabelledPool], blender: Blender) -> Winners:
    """What the blender would answer, without its own ``min_sensible``; one context of each conversation."""
    pairs = zip(reversed(conversations(labelled)), reversed(labelled), strict=True)
    first = list(dict(pairs).values())
    free = replace(blender, settings=replace(blender.settings, min_sensible=0.0))
    scores, labels = [], []
    for pool, selection in zip(first, _choices(first, free), strict=True):
        scores.append(selection.sensible)
        labels.append(float("nan") if selection.winner is None else float(pool.sensible[selection.winner]))
    given, sensible = np.array(scores, dtype=np.float64), np.array(labels, dtype=np.float64)
    known = ~np.isnan(sensible)
    return Winners(
        scores=given[known],
        sensible=sensible[known],
        unlabelled=int((~known).sum()),
        doubles=len(labelled) - len(first),
    )


def head_scores(labelled: Sequence[LabelledPool], blender: Blender, ranker: LearnedRanker) -> dict[str, Doubles]:
    """Raw scores (log-odds before the curve) of every candidate by head, float64 (candidates,).

    All annotators measure every candidate, whether it would come on a shortlist or not.
    """
    heads = {name: head for name in HEADS if (head := getattr(ranker, name)) is not None}
    found: dict[str, list[Doubles]] = {name: [] for name in heads}
    for selection in _choices(labelled, blender.measuring_all()):
        for name, head in heads.items():
            found[name].append(head.raw(selection.matrix))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def _choices(labelled: Sequence[LabelledPool], blender: Blender) -> Iterator[Selection]:
    """By the ranker of its replies, where the candidates are of its sources."""
    blender = blender.by_source()
    for start in range(0, len(labelled), _BATCH):
        yield from blender.choose_pools([each.pool for each in labelled[start : start + _BATCH]])
