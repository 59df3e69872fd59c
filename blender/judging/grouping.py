"""Label rows put together into pools."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from blender.errors import BadInput
from blender.judging.families import family_of
from blender.judging.pools import LabelledPool, Ratings, judged
from blender.judging.rows import LabelRow, Problem, RatingRow
from blender.judging.scales import SCHEMES, UNORDERED, Scheme
from blender.matrix import Floats
from blender.reading import turns_of
from blender.records import Candidate, Dialog, Pool

ROLES = ("sensible", "specific", "overall")


def group_rows(
    rows: Sequence[tuple[int, LabelRow]], dataset: str, scheme: Scheme | None, *, locale: str = "en"
) -> tuple[list[LabelledPool], list[Problem]]:
    """One pool per data set and dialog id, in the order of first appearance, and what is wrong with any.

    Args:
        rows: numbered rows.
        dataset: name for rows that do not say theirs.
        scheme: of the raw ratings; default: the public set's own.
        locale: of rows that do not say theirs.
    """
    groups: dict[tuple[str, str], list[tuple[int, LabelRow]]] = {}
    for number, row in rows:
        groups.setdefault((row.dataset or dataset, row.dialog_id), []).append((number, row))
    pools: list[LabelledPool] = []
    problems: list[Problem] = []
    for (name, _), group in groups.items():
        first, row = group[0]
        problems += [
            (number, f"dialog_id {row.dialog_id!r} has another context here than in row {first}; give it its own id")
            for number, other in group
            if other.context != row.context
        ]
        rated = [_ratings(number, other, scheme or SCHEMES.get(name), problems) for number, other in group]
        try:
            pools.append(_pool(name, [other for _, other in group], rated, locale))
        except BadInput as fault:
            problems.append((first, str(fault)))
    return pools, problems


def _ratings(number: int, row: LabelRow, scheme: Scheme | None, problems: list[Problem]) -> list[RatingRow]:
    """The row's ratings by rater; raw ones are scaled if their questions name one number per rater."""
    if row.ratings or scheme is None:
        return row.ratings
    columns: dict[str, list[float]] = {}
    for role, quality in scheme.items():
        raw = row.labels.get(quality.name, [])
        try:
            columns[role] = [quality.scaled(score) for score in raw if not isinstance(score, str)]
        except BadInput as fault:
            problems.append((number, str(fault)))
    lengths = {len(scores) for scores in columns.values() if scores}
    if len(lengths) != 1 or lengths == {1}:
        return []
    count = lengths.pop()
    raters = row.annotators if len(row.annotators) == count else [f"#{at}" for at in range(count)]
    return [
        RatingRow(raters[at], **{role: scores[at] for role, scores in columns.items() if scores}) for at in range(count)
    ]


def _votes(
    dataset: str, rows: Sequence[LabelRow], rated: Sequence[list[RatingRow]]
) -> dict[str, tuple[tuple[float, ...], ...]]:
    """Ratings as they were given, where the table of ratings by rater does not hold them all."""
    if dataset in UNORDERED:
        return {
            role: tuple(
                tuple(quality.scaled(s) for s in row.labels.get(quality.name, []) if not isinstance(s, str))
                for row in rows
            )
            for role, quality in UNORDERED[dataset].items()
        }
    if all(len({rating.rater for rating in row}) == len(row) for row in rated):
        return {}
    given = {role: tuple(_given(row, role) for row in rated) for role in ROLES}
    return {role: values for role, values in given.items() if any(values)}


def _given(ratings: Sequence[RatingRow], role: str) -> tuple[float, ...]:
    return tuple(value for rating in ratings if (value := getattr(rating, role)) is not None)


def _pool(dataset: str, rows: Sequence[LabelRow], rated: Sequence[list[RatingRow]], locale: str) -> LabelledPool:
    first = rows[0]
    dialog = Dialog.of(turns_of(first.context), id=first.dialog_id, facts=first.facts, locale=_locale(first, locale))
    ratings = _together(rated) if any(rated) else None
    means = {role: _means(role, rows, ratings) for role in ROLES}
    return LabelledPool(
        pool=Pool(dialog=dialog, candidates=tuple(map(_candidate, rows))),
        dataset=dataset,
        family=first.family or family_of(dataset, first.corpus),
        ratings=ratings,
        flags=tuple(sorted({flag for row in rows for flag in row.flags})),
        slices=first.slices,
        votes=_votes(dataset, rows, rated),
        sensible=means["sensible"],
        specific=means["specific"],
        overall=means["overall"],
    )


def _locale(row: LabelRow, otherwise: str) -> str:
    said = row.locale or otherwise
    return "ru" if row.english_row_id is not None and said == "en" else said


def _candidate(row: LabelRow) -> Candidate:
    return Candidate(
        text=row.response,
        source=row.source or "given",
        kind=row.source_type or "unknown",
        rank=row.rank or 0,
        score=row.score,
        features={name: value for name, value in row.features.items() if value is not None},
        matched=row.matched,
        evidence=tuple(row.evidence),
    )


def _together(rated: Sequence[list[RatingRow]]) -> Ratings:
    """Ratings of all rows as arrays; a rater who judged a response twice counts once, by the mean."""
    raters = list(dict.fromkeys(str(rating.rater) for row in rated for rating in row))
    at = {rater: position for position, rater in enumerate(raters)}
    sums = np.zeros((len(ROLES), len(raters), len(rated)))
    counts = np.zeros_like(sums)
    for column, row in enumerate(rated):
        for rating in row:
            for layer, role in enumerate(ROLES):
                label = getattr(rating, role)
                if label is not None:
                    sums[layer, at[str(rating.rater)], column] += label
                    counts[layer, at[str(rating.rater)], column] += 1
    means = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0).astype(np.float32)
    named = not any(rater.startswith("#") for rater in raters)
    return Ratings(raters=tuple(raters), named=named, sensible=means[0], specific=means[1], overall=means[2])


def _means(role: str, rows: Sequence[LabelRow], ratings: Ratings | None) -> Floats:
    """As the rows state them; the raters' mean where they do not."""
    stated = judged([getattr(row, role) for row in rows])
    if ratings is None:
        return stated
    by_rater: Floats = getattr(ratings, role)
    known = ~np.isnan(by_rater)
    count = known.sum(0)
    mean = np.where(known, by_rater, 0).sum(0) / np.maximum(count, 1)
    return np.where(np.isnan(stated) & (count > 0), mean, stated).astype(np.float32)
