from __future__ import annotations

import csv
import io

import pytest

from blender.judging.resampling import Interval
from blender.serving.report.table import Cell, Column, Table, csv_of, range_of, shown, value_of

NAN = float("nan")


def table(*rows: tuple[Cell, ...]) -> Table:
    columns = (
        Column(name="system", label="System"),
        Column(name="n", label="Judged", kind="count"),
        Column(name="ssa", label="SSA", kind="share", interval=True),
    )
    return Table(name="made", caption="Made", columns=columns, rows=rows)


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def test_an_interval_takes_three_columns_of_full_precision() -> None:
    found = read(csv_of(table(("a", 3, Interval(value=1 / 3, low=-0.25, high=0.5)))))
    assert found == [["system", "n", "ssa", "ssa_low", "ssa_high"], ["a", "3", repr(1 / 3), "-0.25", "0.5"]]


def test_what_is_not_known_is_an_empty_cell_and_never_zero() -> None:
    found = read(csv_of(table(("a", None, Interval(value=NAN, low=NAN, high=NAN)), ("b", 0, None))))
    assert found[1:] == [["a", "", "", "", ""], ["b", "0", "", "", ""]]
    assert shown(NAN, "share") == shown(None, "count") == "" and shown(0.0, "share") == "0.0"
    assert value_of(Interval(value=NAN, low=0, high=1)) is None
    assert range_of(Interval(value=0.5, low=NAN, high=1), "share") == ""


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "  ="])
def test_text_that_a_spreadsheet_would_run_is_made_harmless(sign: str) -> None:
    found = csv_of(table((f'{sign}HYPERLINK("http://x")', 1, None)))
    assert next(iter(read(found)[1])).startswith(f"'{sign}")


def test_small_negative_numbers_do_not_show_as_minus_zero() -> None:
    assert shown(-0.0004, "share") == "0.0" and shown(-0.001, "number") == "0.00"
    assert shown(-0.25, "share") == "−25.0"


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="3 cells"):
        table(("a", 1))
