"""What `blend base score` says of its work: a record, and that record as a table."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from rich import box
from rich.table import Table

from blender.index.scores import BaseScores
from blender.index.scoring import Measured
from blender.selection import number
from blender.serving.terminal import output, shown

SHARES = (0.05, 0.5, 0.95)


class ScorerRecord(msgspec.Struct, kw_only=True, frozen=True):
    """What one scorer did.

    Attributes:
        name: of the scorer.
        made_with: its models and settings.
        new: different phrases measured now.
        reused: phrases that were known.
        seconds: spent.
        processor_seconds: of the process, on all its threads.
        quantiles: of each column, at 0.05, 0.5 and 0.95; ``null`` where no phrase could be judged.
        unknown: phrases that each column could not judge.
    """

    name: str
    made_with: str
    new: int
    reused: int
    seconds: float
    processor_seconds: float
    quantiles: dict[str, list[float | None]]
    unknown: dict[str, int]


class ScoredRecord(msgspec.Struct, kw_only=True, frozen=True):
    """A base scored: number of phrases, fingerprint of the scores, and every scorer's work."""

    phrases: int
    fingerprint: str
    scorers: list[ScorerRecord]


def scored(scores: BaseScores, done: Sequence[Measured]) -> ScoredRecord:
    """The work as a record."""
    by_name = {each.name: each for each in done}
    records = []
    for note in scores.manifest.scorers:
        each = by_name[note.name]
        columns = {column: scores.column(column) for column in note.columns}
        records.append(
            ScorerRecord(
                name=note.name,
                made_with=note.made_with,
                new=each.new,
                reused=each.rows - each.new,
                seconds=round(each.seconds, 3),
                processor_seconds=round(each.processor_seconds, 3),
                quantiles={column: _quantiles(values) for column, values in columns.items()},
                unknown={column: int(np.isnan(values).sum()) for column, values in columns.items()},
            )
        )
    return ScoredRecord(phrases=scores.manifest.phrases, fingerprint=scores.fingerprint, scorers=records)


def print_scores(record: ScoredRecord) -> None:
    """Two tables: a row a scorer, and a row a column."""
    work = Table(box=box.SIMPLE_HEAD, title=f"{record.phrases:,} phrases scored")
    work.add_column("scorer")
    for name in ("new", "reused", "seconds"):
        work.add_column(name, justify="right")
    work.add_column("made with", overflow="fold")
    values = Table(box=box.SIMPLE_HEAD)
    values.add_column("column")
    for name in (*(f"q{100 * share:g}" for share in SHARES), "unknown"):
        values.add_column(name, justify="right")
    for each in record.scorers:
        counts = (f"{each.new:,}", f"{each.reused:,}", f"{each.seconds:.1f}")
        work.add_row(shown(each.name), *counts, shown(each.made_with))
        for column, quantiles in each.quantiles.items():
            numbers = ("" if value is None else f"{value:.3g}" for value in quantiles)
            values.add_row(shown(column), *numbers, f"{each.unknown[column]:,}")
    output().print(work)
    output().print(values)


def _quantiles(values: np.ndarray[tuple[int], np.dtype[np.float32]]) -> list[float | None]:
    if np.isnan(values).all():
        return [None] * len(SHARES)
    return [number(value) for value in np.nanquantile(values, SHARES)]
