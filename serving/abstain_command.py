"""`blend abstain`: which `min_sensible` keeps a promise, by labels."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer

from blender.errors import BadInput
from blender.judging.selective import DELTA, certify, check_promise, not_sensible
from blender.outputs import written_aside
from blender.reading import BOM
from blender.serving.judged_choices import learned, machine_pools, refuse_seen, winners
from blender.serving.loading import BlenderOption, load
from blender.serving.terminal import output

_KEY = re.compile(r"^([ \t]*min_sensible[ \t]*=[ \t]*)[^\s#]+", re.MULTILINE)
_TABLE = re.compile(r"^\[", re.MULTILINE)


def abstain(
    labels: Annotated[list[Path], typer.Argument(help="Label files of conversations like those to come.")],
    blender: BlenderOption = "default",
    risk: Annotated[float, typer.Option(help="Largest share of the given answers that may be not sensible.")] = 0.1,
    delta: Annotated[float, typer.Option(help="Chance that the promise is wrong.")] = DELTA,
    write: Annotated[
        bool, typer.Option("--write", help="Write the certified value into the settings file named by --blender.")
    ] = False,
) -> None:
    """Say from which P(sensible) on answers may be given so that at most RISK of them are not sensible.

    An answer is not sensible where the mean of its raters is below one half. Exit code 1: nothing is proved.
    """
    check_promise(risk, delta)
    settings = Path(blender)
    if write and settings.suffix != ".toml":
        raise BadInput(
            f"--write needs a settings file (.toml) as --blender, got {blender!r}; make one, or copy the line"
        )
    labelled = machine_pools(labels)
    loaded = load(blender)
    learned(loaded, blender, labelled, ("sensible",))
    refuse_seen(labels, labelled, loaded)
    found = winners(labelled, loaded)
    certificate = certify(found.scores, not_sensible(found.sensible), risk=risk, delta=delta)
    console = output()
    for count, why in ((found.unlabelled, "whose winner has no label"), (found.doubles, "of a conversation counted")):
        if count:
            console.print(f"Left out: {count} contexts {why}.", soft_wrap=True)
    if loaded.parts.own:
        replies = loaded.parts.ranking(labelled[0].pool) is loaded.parts.own
        console.print(
            "Ranked as its replies are: every candidate names one of its sources."
            if replies
            else "Ranked as callers' candidates are, not as its replies: sources of other names made these.",
            soft_wrap=True,
        )
    console.print(certificate.sentence(), soft_wrap=True, markup=False)
    if certificate.threshold is None:
        raise typer.Exit(1)
    if write:
        write_min_sensible(settings, certificate.threshold)
        console.print(f"{settings} has it now.", soft_wrap=True, markup=False)
    else:
        console.print(f"In your settings file: min_sensible = {certificate.threshold:g}", markup=False)


def _toml(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def write_min_sensible(path: Path, value: float) -> None:
    """Set ``min_sensible`` in a settings file, where a link points to; all else of it stays as it is.

    Raises:
        BadInput: the file cannot be read as TOML or may not be written, or writing would change more than that.
    """
    try:
        raw = path.read_bytes()
        text = raw.removeprefix(BOM).decode("utf-8")
        before = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise BadInput(f"{path} cannot be read as TOML: {fault}") from None
    if not os.access(path, os.W_OK):
        raise BadInput(f"{path} may not be written; set min_sensible = {value:g} by hand, or make it writable")
    table = _TABLE.search(text)
    top = text[: table.start()] if table else text
    line = f"min_sensible = {value:g}"
    new = _KEY.sub(rf"\g<1>{value:g}", top, count=1) if _KEY.search(top) else f"{line}{_line_end(text)}{top}"
    changed = new + text[len(top) :]
    if _toml(changed) != {**before, "min_sensible": value}:
        raise BadInput(f"{path} is written in a way that cannot be edited safely; set {line} by hand")
    with written_aside(path.resolve()) as aside:
        aside.write_bytes(raw[: len(BOM) * raw.startswith(BOM)] + changed.encode("utf-8"))


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
