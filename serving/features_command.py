"""`blend features`: what every number means."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer
from rich import box
from rich.table import Table

from blender.features import ANNOTATORS
from blender.matrix import RANK, Z
from blender.roles import Column, Direction
from blender.serving.terminal import output, shown, write_json


class FeatureRecord(msgspec.Struct, kw_only=True, frozen=True):
    """One feature as JSON."""

    name: str
    unit: str
    direction: Direction
    meaning: str
    missing: str
    width: int | None = None


def features(as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines.")] = False) -> None:
    """List every feature: unit, direction, meaning, and when it is not known (NaN)."""
    found = columns()
    if as_json:
        for name, column in found.items():
            write_json(
                FeatureRecord(
                    name=name,
                    unit=column.unit,
                    direction=column.direction,
                    meaning=column.meaning,
                    missing=column.missing,
                    width=column.width,
                )
            )
        return
    console = output()
    console.print(_table(found))
    console.print(
        f"A ranker may read each of them also relative to its pool: NAME{RANK} (rank within the pool, 0 lowest to 1 "
        f"highest) and NAME{Z} (standard deviations from the pool's mean). Your own columns, given with a candidate as "
        "features, are called user.NAME; `blend train --know-sources` adds source.NAME, 1 where that source made the "
        "answer."
    )


def columns() -> dict[str, Column]:
    """Every annotator's columns by full name; no model is loaded."""
    return {
        f"{name}.{column.name}": column for name in ANNOTATORS.usable() for column in ANNOTATORS.build(name).columns
    }


def _table(found: dict[str, Column]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0), expand=True)
    table.add_column("feature", overflow="fold", max_width=24)
    table.add_column("unit", max_width=14)
    table.add_column("better", no_wrap=True)
    table.add_column("meaning", ratio=3)
    table.add_column("NaN when", ratio=2)
    before = ""
    for name, column in found.items():
        annotator = name.partition(".")[0]
        if before and annotator != before:
            table.add_section()
        before = annotator
        better = column.direction.removesuffix(" is better")
        coordinates = "" if column.width is None else f" ({column.width} coordinates, NAME#0 and on)"
        table.add_row(
            shown(name), shown(column.unit), better, shown(column.meaning + coordinates), shown(column.missing)
        )
    return table
