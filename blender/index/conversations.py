"""Conversations as rows with ``turns``: the JSON of chitchat-dataset, and plain scripts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from blender.errors import BadInput
from blender.index.tables import Row, Rows

_DASHES = ("- ", "– ", "— ")


def read_conversations(path: Path) -> Rows:
    """Conversations of a ``.json`` file.

    Either an object of conversations as chitchat-dataset writes it (``messages`` holds turns, each a list of
    messages with ``text``, joined here by a space), or a list of rows as in JSON lines. A row's line is its
    number in the file.

    Raises:
        BadInput: the file is not such JSON.
    """
    try:
        given = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as fault:
        raise BadInput(f"{path.name} is not JSON: {fault}") from None
    rows = list(given.values()) if isinstance(given, dict) else given
    if not isinstance(rows, list):
        raise BadInput(f"{path.name} must hold a list of rows or an object of conversations, not {type(rows).__name__}")
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            yield Row(line=number, problem=f"must be an object, got {type(row).__name__}")
        elif "messages" not in row:
            yield Row(line=number, values=row)
        else:
            yield from _of_messages(number, row["messages"])


def _of_messages(number: int, messages: Any) -> Rows:
    try:
        turns = [" ".join(message["text"].strip() for message in turn) for turn in messages]
    except (TypeError, KeyError, AttributeError):
        yield Row(line=number, problem="'messages' must be a list of turns, each a list of objects with 'text'")
    else:
        yield from _conversation(number, turns)


def read_script(path: Path) -> Rows:
    """Conversations of a plain text: turns begin with a dash and a space, conversations are parted by blank lines.

    A line without a dash belongs to the turn before it, or is itself the first turn. A row's line is that of the
    conversation's first turn.
    """
    turns: list[str] = []
    begins = 0
    for number, line in _lines(path):
        if not line:
            yield from _conversation(begins, turns)
            turns = []
            continue
        begins = begins if turns else number
        if line.startswith(_DASHES) or line in "-–—":
            turns.append(line[2:].strip())
        elif turns:
            turns[-1] = f"{turns[-1]} {line}"
        else:
            turns.append(line)
    yield from _conversation(begins, turns)


def _conversation(line: int, turns: list[str]) -> Iterator[Row]:
    said = [turn for turn in turns if turn.strip()]
    if len(said) > 1:
        yield Row(line=line, values={"turns": said})


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    with path.open(encoding="utf-8-sig", errors="surrogateescape") as stream:
        for number, line in enumerate(stream, start=1):
            yield number, line.strip()
