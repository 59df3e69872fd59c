"""Gold answers: what an organiser judged beforehand, mixed in to see whether raters look.

JSON lines, one answer each:

    {"context": ["Hi!", "Hello.", "Any plans?"], "response": "I like turtles.", "sensible": 0, "specific": 0}

``context`` as in `blender.reading`; ``sensible`` is 0 or 1; ``specific`` is 0, 1, or left out when raters may differ;
``facts`` and ``locale`` as in the records. Answers with one context make one page in pool form.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import msgspec

from blender.errors import BadInput
from blender.labelling.records import Gold
from blender.problems import Problems
from blender.reading import TurnRow, turns_of
from blender.records import Dialog
from blender.texts import check_text

_ACCEPTED = "a row holds context, response, sensible, specific, facts, locale"


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldAnswer:
    """An answer and the labels it must get."""

    dialog: Dialog
    text: str
    gold: Gold


class _Row(msgspec.Struct, forbid_unknown_fields=True):
    context: list[str | TurnRow]
    response: str
    sensible: bool | int
    specific: bool | int | None = None
    facts: list[str] = []
    locale: str = "en"


def read_gold(path: Path) -> list[GoldAnswer]:
    """Read a file of gold answers.

    Raises:
        BadInput: it cannot be read, holds none, or rows are wrong; every problem with its line.
    """
    try:
        raw = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    except OSError as fault:
        raise BadInput(f"gold answers {path} cannot be read: {fault.strerror}; give a file of JSON lines") from None
    problems, found = Problems(), dict[tuple[str, str], int]()
    answers = []
    for number, line in enumerate(raw.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            answer = _answer(line)
        except BadInput as fault:
            problems.add([f"{path}, line {number}: {problem}" for problem in fault.problems])
            continue
        first = found.setdefault((answer.dialog.id, answer.text), number)
        if first != number:
            problems.add([f"{path}, line {number}: the same answer to the same context stands on line {first} already"])
        answers.append(answer)
    problems.raise_any()
    if not answers:
        raise BadInput(f"{path} holds no gold answer; {_ACCEPTED}")
    return answers


def _answer(line: bytes) -> GoldAnswer:
    try:
        row = msgspec.json.decode(line, type=_Row)
    except UnicodeDecodeError as fault:
        raise BadInput(f"not UTF-8 at byte {fault.start}: {fault.reason}; save the file as UTF-8") from None
    except msgspec.DecodeError as fault:
        raise BadInput(f"{fault}; {_ACCEPTED}, each line one JSON object") from None
    check_text(row.response, "a gold answer")
    if not row.response.strip():
        raise BadInput("response is empty; raters are not asked about empty answers, leave the row out")
    for name, label in (("sensible", row.sensible), ("specific", row.specific)):
        if label not in (0, 1, None):
            raise BadInput(f"{name} must be 0 or 1 (or true, false), got {label!r}")
    turns = turns_of(row.context)
    same = hashlib.sha256(msgspec.json.encode([turns, row.facts])).hexdigest()[:16]
    gold = Gold(sensible=bool(row.sensible), specific=None if row.specific is None else bool(row.specific))
    dialog = Dialog.of(turns, id=f"gold-{same}", facts=row.facts, locale=row.locale)
    return GoldAnswer(dialog=dialog, text=row.response, gold=gold)
