"""Who made an answer: for a ranker of one's own systems, which may know that one of them is better than another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from blender.catalogue import fingerprint
from blender.errors import BadInput
from blender.matrix import Floats
from blender.own_columns import column_name
from blender.records import Pool
from blender.roles import Column

_MOST = 64


@dataclass(frozen=True, kw_only=True)
class SourceOf:
    """One column for each source: whether it proposed the answer.

    A ranker that reads these learns who is good beside what is good, and is of use for the sources of its labels alone.
    So none does unless asked (`blend train --know-sources`); docs/quality.md has what it brings.

    Attributes:
        names: of the sources, as labels, settings (``[sources.NAME]``) and ``Candidate.source`` have them; at most 64.
            Training finds them in its labels.
    """

    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.names) > _MOST:
            raise BadInput(
                f"a ranker can know {_MOST} sources, got {len(self.names)} ({', '.join(self.names[:3])}, ...); give "
                "those that matter in a settings file, names = [...] under [annotators.source], or do without"
            )

    @staticmethod
    def learn(pools: Iterable[Pool]) -> dict[str, list[str]]:
        """The settings for training on these pools: every source of a candidate, sorted.

        Raises:
            BadInput: there is but one, so that nothing tells answers apart.
        """
        named = {origin.source for pool in pools for each in pool.candidates for origin in each.origins}
        if len(named) < 2:
            raise BadInput(
                f"a ranker that knows its sources needs two or more, and all labelled answers are of "
                f"{', '.join(map(repr, named)) or 'none'} ('given' where a row names none); give the rows their "
                "'source', or do without"
            )
        return {"names": sorted(named)}

    @property
    def columns(self) -> tuple[Column, ...]:
        """One for each name."""
        return tuple(_column(*pair) for pair in zip(self.names, _column_names(self.names), strict=True))

    @property
    def fingerprint(self) -> str:
        """Of the method and the names."""
        return fingerprint(self)

    def annotate(self, pools: Sequence[Pool]) -> Floats:
        """Return float32 (rows, sources) of 0 and 1; a source without a name here is 0 everywhere."""
        made = [{origin.source for origin in each.origins} for pool in pools for each in pool.candidates]
        values = [[name in sources for name in self.names] for sources in made]
        return np.array(values, dtype=np.float32).reshape(-1, len(self.names))


def _column(name: str, column: str) -> Column:
    return Column(
        name=column,
        unit="0 or 1",
        direction="neither",
        meaning=f"1 if the source {name!r} proposed it",
        missing="never",
        says=f"proposed by {name}",
        says_low=f"not proposed by {name}",
    )


def _column_names(names: Sequence[str]) -> list[str]:
    """Names as a matrix can have them, all different."""
    made: list[str] = []
    for name in names:
        column = column_name(name)
        while column in made:
            column += "_"
        made.append(column)
    return made
