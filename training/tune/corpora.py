"""Dialogues of other domains than a retriever was tuned on, in the forms their sources publish (docs/data.md)."""

from __future__ import annotations

import ast
import csv
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from blender.errors import BadInput
from blender.training.tune.dialogues import Pair, PairSettings, pairs_of

Conversation = list[tuple[list[str], str]]


def _of_turns(turns: list[str]) -> Conversation:
    return [(turns[:at], turns[at]) for at in range(1, len(turns))]


def _dailydialog(folder: Path) -> Iterator[Conversation]:
    for line in (folder / "en_test_human.txt").read_text(encoding="utf-8").splitlines():
        turns = [" ".join(turn.split()) for turn in line.partition("\t")[0].split("__eou__")]
        yield _of_turns([turn for turn in turns if turn])


def _topical(folder: Path) -> Iterator[Conversation]:
    for each in json.loads((folder / "valid_rare.json").read_bytes()).values():
        yield _of_turns([" ".join(said["message"].split()) for said in each["content"] if said["message"].strip()])


def _commonsense(folder: Path) -> Iterator[Conversation]:
    for each in json.loads((folder / "test.json").read_bytes()).values():
        yield _of_turns([" ".join(turn.split()) for turn in each["turns"] if turn.strip()])


def _persona(folder: Path) -> Iterator[Conversation]:
    for name in ("train.tsv", "valid.tsv"):
        with (folder / name).open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE):
                parts = [part.strip() for part in row["src"].split("[SEP]")]
                yield [([part for part in parts if part and not part.startswith("your persona:")], row["tgt"])]


def _empathetic(folder: Path) -> Iterator[Conversation]:
    context: list[str] = []
    for line in (folder / "generation_result.txt").read_text(encoding="utf-8").splitlines():
        head, _, rest = line.partition(":")
        if head == "Context":
            context = [str(turn) for turn in ast.literal_eval(rest.strip())]
        elif head == "ref" and rest.strip():
            yield [(context, rest.strip())]


CORPORA: Mapping[str, tuple[str, Callable[[Path], Iterator[Conversation]]]] = {
    "DailyDialog": ("corpus-xdailydialog", _dailydialog),
    "Topical-Chat": ("corpus-topicalchat-rare", _topical),
    "PersonaChat": ("corpus-personachat-sample", _persona),
    "EmpatheticDialogues": ("corpus-empathetic-moel", _empathetic),
    "Commonsense-Dialogues": ("corpus-commonsense-dialogues", _commonsense),
}


def read_corpus(data: Path, name: str, settings: PairSettings) -> list[Pair]:
    """The pairs of one of ``CORPORA``.

    Raises:
        BadInput: its folder is not there, or holds something else.
    """
    place, read = CORPORA[name]
    try:
        return [pair for conversation in read(data / place) for pair in pairs_of(conversation, settings)]
    except (OSError, ValueError, KeyError, TypeError, SyntaxError) as fault:
        raise BadInput(
            f"{data / place} cannot be read as {name}: {fault!r:.200}; lay it out as docs/data.md says"
        ) from None
