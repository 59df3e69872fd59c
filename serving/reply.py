"""`blend reply`: one answer from the shell."""

from __future__ import annotations

from typing import Annotated

import typer

from blender.errors import BadInput
from blender.records import Dialog
from blender.serving.loading import BlenderOption, load
from blender.serving.record import answer_record, digest
from blender.serving.table import print_pool
from blender.serving.terminal import output, shown, write_json


def reply(
    turns: Annotated[list[str], typer.Argument(help="The conversation, oldest first; the last turn is the human's.")],
    blender: BlenderOption = "default",
    fact: Annotated[list[str] | None, typer.Option(help="Something the answer may lean on; may be repeated.")] = None,
    pool: Annotated[bool, typer.Option("--pool", help="Show the whole pool and why the winner won.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as one JSON object.")] = False,
) -> None:
    """Answer a conversation given turn by turn.

    Turns alternate speakers: blend reply "Hi!" "Hello, any plans?" "Hiking. And you?"
    """
    if pool and as_json:
        raise BadInput("--json holds the pool already; leave --pool out")
    Dialog.of(turns)  # a wrong conversation is told before models load
    loaded = load(blender)
    dialog = Dialog.of(turns, facts=fact or (), locale=loaded.settings.locale)
    selection = loaded.reply(dialog)
    if as_json:
        write_json(answer_record(selection, asked=digest(dialog), bundle=selection.bundle))
        return
    console = output()
    if pool:
        print_pool(console, selection)
    console.print(shown(selection.text, "bold" if pool else ""), soft_wrap=True)
    if pool:
        console.print(shown(selection.why()), soft_wrap=True)
