"""A sheet of a review that came back: the editor's decisions, checked against the base."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from blender.errors import BadInput
from blender.labelling.sheets.cells import restored, same
from blender.labelling.sheets.separated import read_table
from blender.labelling.sheets.workbook import read_book
from blender.serving.base.sheet import DECISION, DROP, ID, KEEP, PHRASE, TITLE, file_kind, phrase_id

_NEEDED = (DECISION, PHRASE, ID)
_ID = re.compile(r"p[0-9a-f]{16}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """One decision, checked.

    Attributes:
        text: the phrase, as it is in the base.
        decision: ``keep`` or ``drop``.
        place: file and row, for messages.
    """

    text: str
    decision: str
    place: str


def read_sheets(paths: Sequence[Path], texts: Sequence[str]) -> list[Decided]:
    """The decisions of sheets that came back; rows without one are left out.

    Args:
        paths: ``.csv`` or ``.xlsx``.
        texts: the phrases of the base.

    Raises:
        BadInput: a sheet cannot be read, or anything is wrong in any row: a decision that is none, a phrase that is
            not in the base or was changed, a phrase to be kept here and dropped there. All problems are listed.
    """
    by_id = {phrase_id(text): text for text in texts}
    found: list[Decided] = []
    problems: list[str] = []
    for path in paths:
        table = read_table(path, _NEEDED) if file_kind(path) == ".csv" else read_book(path, [TITLE])
        for number, cells in enumerate(_cells(path, table), start=2):
            place = f"{path.name}, row {number}"
            problem = _problem(cells, by_id)
            if problem:
                problems.append(f"{place}: {problem}")
            elif _decision(cells):
                text = by_id[restored(cells[ID])]
                found.append(Decided(text=text, decision=_decision(cells), place=place))
    problems += _contrary(found)
    if problems:
        raise BadInput(problems)
    return found


def _decision(cells: Mapping[str, str]) -> str:
    return restored(cells[DECISION]).casefold()


def _problem(cells: Mapping[str, str], by_id: Mapping[str, str]) -> str:
    decision, name = _decision(cells), restored(cells[ID])
    if decision not in ("", KEEP, DROP):
        return f"decision {cells[DECISION]!r:.40} is neither {KEEP} nor {DROP}; leave it empty if nothing is to be done"
    if not decision:
        return ""
    if not _ID.fullmatch(name) or name not in by_id:
        return (
            f"phrase {cells[PHRASE]!r:.60} (id {name!r:.30}) is not in the base; leave the row out or review it again"
        )
    if not same(cells[PHRASE], by_id[name]):
        return (
            f"the phrase was changed: it is {by_id[name]!r:.60} in the base, {cells[PHRASE]!r:.60} here; put it back, "
            "or drop it and add the new one with `blend index add`"
        )
    return ""


def _contrary(found: Sequence[Decided]) -> list[str]:
    first: dict[str, Decided] = {}
    problems = []
    for each in found:
        before = first.setdefault(each.text, each)
        if before.decision != each.decision:
            problems.append(
                f"{each.place}: {each.decision} {each.text!r:.60}, but {before.decision} in {before.place}; "
                "decide for one"
            )
    return problems


def _cells(path: Path, table: Sequence[Sequence[str]]) -> list[dict[str, str]]:
    heads = [name.strip().casefold() for name in table[0]] if table else []
    wrong = [name for name in _NEEDED if heads.count(name) != 1]
    if wrong:
        raise BadInput(
            f"{path.name}: is no sheet of `blend base review`: of the columns {', '.join(_NEEDED)} it needs one each, "
            f"and {', '.join(wrong)} is missing or comes twice"
        )
    return [dict.fromkeys(_NEEDED, "") | dict(zip(heads, row, strict=False)) for row in table[1:]]
