"""From label files to examples: read, checked, seen from both sides, measured."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from blender.errors import BadInput
from blender.features import ANNOTATORS
from blender.judging.label_files import label_digests, read_label_files
from blender.judging.overlap import check_families
from blender.judging.pools import LabelledPool
from blender.judging.target import require_variance, targets
from blender.matrix import ordinary_columns
from blender.roles import Annotator, matrix_columns
from blender.training.annotate import annotate_all
from blender.training.examples import Examples, View

# Names of sources would let a ranker learn who is good instead of what is good. Safety is no matter of taste, and what
# facts are worth these labels do not tell (docs/facts.md). The others take much of the time and add nothing that was
# measured (docs/quality.md, docs/performance.md).
NOT_BY_DEFAULT = frozenset({"origin", "source", "safety", "consistency", "cross_encoder", "perplexity", "reply"})
FEWEST_CONTEXTS = 30


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prepared:
    """What training starts from.

    Attributes:
        examples: pools with features and labels.
        labelled: the same pools, in the same order.
        directions: +1, -1 or 0 by column: which way is better.
        annotators: settings by name.
        fingerprints: by name.
        data: digests of the label files by name.
        target: the human score in use.
        beside: the same pools with further columns, which rules may read and the ranker does not; ``None``: there are
            none.
    """

    examples: Examples
    labelled: tuple[LabelledPool, ...]
    directions: Mapping[str, int]
    annotators: Mapping[str, Mapping[str, Any]]
    fingerprints: Mapping[str, str]
    data: Mapping[str, str]
    target: str
    beside: Examples | None = None


def prepare(
    files: Sequence[Path],
    cache: Path,
    *,
    annotators: Mapping[str, Mapping[str, Any]] | None = None,
    locale: str | None = None,
    most: int | None = None,
    beside: Sequence[str] = (),
    quiet: bool = False,
) -> Prepared:
    """Read label files and measure their candidates.

    Args:
        files: JSON lines or DSTC10 JSON.
        cache: folder of the feature caches.
        annotators: settings by name; default: every annotator of the catalogue but those of ``NOT_BY_DEFAULT``.
        locale: only dialogs of this language; default: all.
        most: contexts of one set at most, drawn by the digest of their ids; default: all.
        beside: annotators, with their default settings, whose columns only rules may read.
        quiet: no progress bars.

    Raises:
        BadInput: files are wrong (all problems together), all labels are equal, families share contexts, or no
            candidate could be judged.
        UnknownName: there is no such annotator or setting.
    """
    labelled = [pool for pool in read_label_files(files) if locale is None or pool.pool.dialog.locale == locale]
    if not labelled:
        raise BadInput(f"no labelled dialog has the locale {locale!r}; leave the choice out or label some")
    labelled = drawn(labelled, most)
    require_variance(labelled)
    check_families(labelled)
    given = default_annotators() if annotators is None else annotators
    chosen = {name: learnt(name, settings, labelled) for name, settings in given.items()}
    built = _built(chosen)
    further = _built({name: {} for name in beside if name not in built})
    _require_order(built)
    seen = enough_to_judge(list(both_sides(labelled)))
    pools = [pool for pool, _ in seen]
    matrix = annotate_all([pool.pool for pool in pools], built | further, cache, quiet=quiet)
    if np.isnan(matrix.ordinary().values).all():
        raise BadInput(f"{', '.join(built | further)} could not judge a single candidate; add another annotator")
    examples = Examples.of(pools, matrix, [view for _, view in seen])
    return Prepared(
        examples=examples.with_annotators(built) if further else examples,
        labelled=tuple(pools),
        directions={name: column.sign for name, column in matrix_columns(built).items()},
        annotators=chosen,
        fingerprints={name: annotator.fingerprint for name, annotator in built.items()},
        data=label_digests(files),
        target=targets(pools).name,
        beside=examples if further else None,
    )


def _built(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, Annotator]:
    return {name: ANNOTATORS.build(name, given) for name, given in settings.items()}


def learnt(name: str, given: Mapping[str, Any], labelled: Sequence[LabelledPool]) -> Mapping[str, Any]:
    """Settings of an annotator with those that it finds in the pools, where it finds any and they are not given."""
    learn = getattr(ANNOTATORS.find(name), "learn", None)
    return {**learn(pool.pool for pool in labelled), **given} if learn else given


def _require_order(annotators: Mapping[str, Annotator]) -> None:
    """Refuse annotators by which no order can be learnt, before they measure anything."""
    if not ordinary_columns(list(matrix_columns(annotators))):
        raise BadInput(f"{', '.join(annotators)} gives nothing but coordinates of points; add another annotator")


def drawn(labelled: Sequence[LabelledPool], most: int | None) -> list[LabelledPool]:
    """At most ``most`` contexts of each set, in their order; the same ones whatever else is there."""
    by_set: dict[str, list[LabelledPool]] = {}
    for pool in labelled:
        by_set.setdefault(pool.dataset, []).append(pool)
    kept = {
        id(pool)
        for pools in by_set.values()
        for pool in sorted(pools, key=lambda pool: hashlib.sha256(pool.pool.dialog.id.encode()).digest())[:most]
    }
    return [pool for pool in labelled if id(pool) in kept]


def default_annotators() -> dict[str, Mapping[str, Any]]:
    """Every annotator of the catalogue with its default settings, but for those of ``NOT_BY_DEFAULT``."""
    return {name: {} for name in ANNOTATORS.usable() if name not in NOT_BY_DEFAULT}


def both_sides(labelled: Iterable[LabelledPool]) -> Iterable[tuple[LabelledPool, View]]:
    """Each context as it is judged (machine candidates only) and, to learn from, with all its candidates.

    A lone candidate without a sensible or specific label is left out.

    Where nobody said who made the candidates (kind ``unknown``) the whole pool is judged.
    """
    for pool in labelled:
        machine = pool.machine_only()
        unknown = all(candidate.kind == "unknown" for candidate in pool.pool.candidates)
        if len(machine) > 1:
            yield machine, "judged"
            if len(machine) < len(pool):
                yield pool, "whole"
        elif len(pool) > 1 or not np.isnan([pool.sensible, pool.specific]).all():  # else it has nothing to teach
            yield pool, "judged" if unknown and len(pool) > 1 else "extra"


def enough_to_judge(seen: list[tuple[LabelledPool, View]]) -> list[tuple[LabelledPool, View]]:
    """Sets with very few contexts to judge on are only learnt from, as long as another set has enough."""
    count = Counter(pool.dataset for pool, view in seen if view == "judged")
    enough = {dataset for dataset, contexts in count.items() if contexts >= FEWEST_CONTEXTS} or set(count)
    following = [view for _, view in seen[1:]] + ["extra"]
    kept: list[tuple[LabelledPool, View]] = []
    for (pool, view), after in zip(seen, following, strict=True):
        if pool.dataset in enough:
            kept.append((pool, view))
        elif not (view == "judged" and after == "whole"):
            kept.append((pool, "extra"))
    return kept
