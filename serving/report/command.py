"""``blend report``: judge systems by the labels at hand and write a page that can be sent to anybody."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table as Printed

from blender.labelling.aggregate import Method
from blender.seeds import LARGEST_SEED
from blender.serving.terminal import messages, output, shown

if TYPE_CHECKING:
    from blender.serving.report.table import Table


def report(
    inputs: Annotated[
        list[Path] | None, typer.Argument(metavar="INPUT...", help="Campaign folders, or label files (JSON lines).")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the report; a report that is there is replaced.")] = Path(
        "report"
    ),
    run: Annotated[
        Path | None, typer.Option(help="Folder of the run: its answers, and the predictions of `blend predict`.")
    ] = None,
    method: Annotated[Method, typer.Option(help="How a campaign's labels are put together.")] = "majority",
    db: Annotated[
        str | None,
        typer.Option(
            help="Database of the labels: a SQLAlchemy URL, or a file of SQLite; labels.sqlite of the job by default."
        ),
    ] = None,
    title: Annotated[str, typer.Option(help="Title of the page.")] = "SSA report",
    date: Annotated[str, typer.Option(help="Date to print; default: the day of the last label.")] = "",
    draws: Annotated[int, typer.Option(min=100, max=1_000_000, help="Draws of every bootstrap.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, max=LARGEST_SEED, help="Of everything random.")] = 0,
) -> None:
    """Write an HTML report, its data as JSON, and every table as CSV."""
    from blender.serving.report.contents import tables
    from blender.serving.report.given import read_given
    from blender.serving.report.report import Settings, make_report
    from blender.serving.report.sentences import sentences
    from blender.serving.report.writing import check_place, write_report

    check_place(out)
    given = read_given(inputs or [], run, method=method, database=db, seed=seed)
    command = _command(inputs or [], out, run, method, db, title, date, draws, seed)
    settings = Settings(title=title, method=method, draws=draws, seed=seed, date=date, command=command)
    with messages().status("working it out"):
        made = make_report(given, settings)
        paths = write_report(made, out)
    console = output()
    if headline := tables(made).get("headline"):
        console.print(printed(headline))
    for sentence in sentences(made):
        console.print(shown(sentence), soft_wrap=True)
    for path in paths[:2]:
        console.print(str(path), soft_wrap=True)
    console.print(f"{len(paths) - 2} tables as CSV beside them", soft_wrap=True)


def printed(table: Table) -> Printed:
    """A table of the report for the terminal, intervals in brackets."""
    from blender.serving.report.table import range_of, value_of
    from blender.serving.report.table import shown as told

    drawn = Printed(title=shown(table.caption))
    for column in table.columns:
        drawn.add_column(shown(column.label), justify="left" if column.kind == "text" else "right")
    for row in table.rows:
        cells = []
        for cell, column in zip(row, table.columns, strict=True):
            ends = range_of(cell, column.kind)
            words = told(value_of(cell), column.kind) or "not known"
            cells.append(shown(words + (f" ({ends})" if ends else "")))
        drawn.add_row(*cells)
    return drawn


def _command(
    inputs: list[Path],
    out: Path,
    run: Path | None,
    method: str,
    db: str | None,
    title: str,
    date: str,
    draws: int,
    seed: int,
) -> str:
    """What makes the report again; a password in a database's URL is left out."""
    words = ["blend", "report", *map(str, inputs), "--out", str(out)]
    words += ["--run", str(run)] if run else []
    words += ["--method", method, "--title", title, "--draws", str(draws), "--seed", str(seed)]
    words += ["--date", date] if date else []
    words += ["--db", without_password(db)] if db else []
    return shlex.join(words)


def without_password(url: str) -> str:
    """A database URL that may be shown; drivers also take a password behind the question mark."""
    if "://" not in url:
        return url
    from sqlalchemy.engine import make_url

    made = make_url(url)
    secret = [name for name in made.query if "pass" in name.lower()]
    return made.difference_update_query(secret).render_as_string(hide_password=True)
