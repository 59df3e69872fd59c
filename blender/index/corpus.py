"""Phrases and the contexts they once answered, read from tables and from conversations.

Accepted are

- tables with a column ``reply`` and, if known, ``context``: CSV (``.csv``, ``.tsv``), JSON lines (``.jsonl``) and
  Parquet. Every other column (editor's tags, ``locale``, scores) travels with the phrase. A context of several turns
  has one turn a line, or is a JSON list of turns, oldest first;
- conversations, every turn of which answers those before: JSON lines with ``turns`` (a list of texts or of objects
  with ``text``), ``.json`` as in ``pkg:chitchat_dataset``, and plain text (``.txt``) whose turns begin with ``- `` and
  whose conversations are parted by blank lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blender.errors import BadInput
from blender.index.context import TURN_BREAK
from blender.index.conversations import read_conversations, read_script
from blender.index.tables import Row, Rows, read_json_lines, read_parquet, read_separated
from blender.models.reference import resolve
from blender.problems import Problems
from blender.texts import check_text

_TURNS_KEPT = 4
_CONVERSATIONS = "conversations (in a .txt every turn begins with '- '; docs/retriever.md shows each kind of file)"

READERS: Mapping[str, Callable[[Path], Rows]] = {
    ".csv": lambda path: read_separated(path, ","),
    ".tsv": lambda path: read_separated(path, "\t"),
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
    ".parquet": read_parquet,
    ".json": read_conversations,
    ".txt": read_script,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrase:
    """Something that was once said, or that an editor wrote.

    Attributes:
        context: what it answered, one turn a line, oldest first; empty if it is not known.
        reply: the phrase.
        columns: whatever else is known of it, such as ``locale``; texts or numbers.
    """

    context: str = ""
    reply: str
    columns: Mapping[str, str | float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_text(self.reply, "a phrase's reply")
        check_text(self.context, "a phrase's context")
        if not self.reply.strip():
            raise BadInput("a phrase's reply must say something, got only white space; leave the row out")
        for name, value in self.columns.items():
            if not isinstance(value, str | int | float) or isinstance(value, bool):
                raise BadInput(f"column {name!r} must be text or a number, got {value!r:.60}")
            check_text(name, "a column's name")
            if isinstance(value, str):
                check_text(value, f"column {name!r}")


def read_phrases(source: str | Path) -> Iterator[Phrase]:
    """Read the phrases of a file, or of a package's data (``pkg:chitchat_dataset``).

    Raises:
        BadInput: there is no such file, its kind is not known, or rows are wrong. All of them are listed with their
            line numbers, once every good row has been given: take the whole before using any.
        MissingPackage: the package is not installed.
    """
    found = 0
    for phrases in read_chats(source):
        found += len(phrases)
        yield from phrases
    if not found:
        raise BadInput(
            f"{Path(source).name} holds no phrase; give it rows with 'reply' and 'context', or {_CONVERSATIONS}"
        )


def read_chats(source: str | Path) -> Iterator[list[Phrase]]:
    """The same, those of each conversation together; a row of a table is a conversation of its own.

    Raises:
        BadInput: as `read_phrases`, but for a file without phrases.
        MissingPackage: the package is not installed.
    """
    path, rows = open_corpus(source)
    problems = Problems()
    for row in rows:
        try:
            phrases = phrases_of(row)
        except BadInput as fault:
            problems.add([f"{path.name}:{row.line}: {problem}" for problem in fault.problems])
            continue
        yield phrases
    problems.raise_any()


def open_corpus(source: str | Path) -> tuple[Path, Rows]:
    """The file of a corpus and its rows, one a phrase or a conversation; what is wrong with a row is told in it.

    Raises:
        BadInput: there is no such file, or its kind is not known.
        MissingPackage: the package is not installed.
    """
    path = _find(source)
    if path.suffix.lower() not in READERS:
        raise BadInput(
            f"{path.name} is of a kind that is not known ({path.suffix or 'no suffix'}); accepted: {', '.join(READERS)}"
        )
    return path, READERS[path.suffix.lower()](path)


def of_words(phrases: Iterable[Phrase], fewest: int, most: int) -> Iterator[Phrase]:
    """The phrases of ``fewest`` to ``most`` words."""
    return (phrase for phrase in phrases if fewest <= len(phrase.reply.split()) <= most)


def answering_words(phrases: Iterable[Phrase], fewest: int, most: int) -> Iterator[Phrase]:
    """The phrases that answered a turn of ``fewest`` to ``most`` words."""
    return (phrase for phrase in phrases if fewest <= len(phrase.context.rpartition(TURN_BREAK)[2].split()) <= most)


def phrases_of(row: Row) -> list[Phrase]:
    """The phrases of one row: its own, or one for every turn of its conversation but the first.

    Raises:
        BadInput: the row is not one; every problem is listed.
    """
    values = {name: value for name, value in row.values.items() if value is not None and value != ""}
    if row.problem:
        raise BadInput(row.problem)
    if "turns" in values:
        if "reply" in values or "context" in values:
            raise BadInput("holds 'turns' beside 'reply' or 'context'; give a conversation or a phrase, not both")
        turns = _turns(values.pop("turns"), "turns")
        return [
            Phrase(context=TURN_BREAK.join(turns[max(0, at - _TURNS_KEPT) : at]), reply=turns[at], columns=values)
            for at in range(1, len(turns))
        ]
    if "reply" not in values:
        raise BadInput(f"has no 'reply' (nor 'turns'); it holds {', '.join(map(repr, values)) or 'nothing'}")
    reply, context = values.pop("reply"), values.pop("context", "")
    if not isinstance(context, str):
        context = TURN_BREAK.join(_turns(context, "context"))
    return [Phrase(context=context, reply=reply, columns=values)]


def _turns(given: Any, name: str) -> list[str]:
    if not isinstance(given, list | tuple) or not given:
        raise BadInput(f"{name!r} must be a list of turns, got {given!r:.60}")
    texts: list[Any] = [turn.get("text") if isinstance(turn, dict) else turn for turn in given]
    for at, text in enumerate(texts):
        check_text(text, f"turn {at} of {name!r}")
        if not text.strip():
            raise BadInput(f"turn {at} of {name!r} is empty; leave it out")
    return [" ".join(text.split()) for text in texts]


def _find(source: str | Path) -> Path:
    if str(source).startswith("pkg:"):
        return resolve(str(source)).path
    path = Path(source).expanduser()
    if not path.is_file():
        raise BadInput(f"no phrase file at {str(source)!r}; give a file ({', '.join(READERS)}) or pkg:NAME")
    return path
