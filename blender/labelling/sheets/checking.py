"""What is wrong with a row of a sheet by itself, and with the rows that are not there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from blender.labelling.campaign import Campaign
from blender.labelling.guidelines import LOCALES
from blender.labelling.records import Item
from blender.labelling.sheets.cells import same
from blender.labelling.sheets.sheet import Row, conversation

VALUES: Mapping[str, bool | None] = {
    **dict.fromkeys(("1", "yes", "y", "true", "да", "д", "истина"), True),
    **dict.fromkeys(("0", "no", "n", "false", "нет", "н", "ложь"), False),
    **dict.fromkeys(("", "-"), None),
}
ACCEPTED = "1 or 0, yes or no, да or нет, true or false, or leave it empty"
MOST_OF_A_NAME = 200
_NUMBER = re.compile(r"(\d{1,15})\D+(\d{1,15})")


def judged(row: Row) -> tuple[list[str], bool | None, bool | None]:
    """What is wrong with the two labels, and the labels; ``None`` = not judged."""
    wrong, labels = [], []
    for question, text in (("sensible", row.sensible), ("specific", row.specific)):
        value = text.strip().casefold()
        if value not in VALUES:
            wrong.append(f"{question} is {text!r:.60}; give {ACCEPTED}")
        labels.append(VALUES.get(value))
    sensible, specific = labels
    if not wrong and sensible is None and specific is not None:
        wrong.append("specific is filled in, sensible is not; fill in both, or neither")
    return wrong, sensible, specific


def wrong_rater(name: str) -> list[str]:
    """What is wrong with a rater's name."""
    if not name:
        return ["the rater's name is missing; fill the column in, or give --rater NAME"]
    if len(name) > MOST_OF_A_NAME or not name.isprintable():
        return [f"the rater's name {name!r:.60} is longer than {MOST_OF_A_NAME} letters or holds control characters"]
    return []


def wrong_item(campaign: Campaign, row: Row) -> list[str]:
    """What is wrong with the item: unknown, not asked about, or another text than the campaign's."""
    if not row.item:
        return ["the item's id is missing; take it from the sheet as it was exported"]
    item = campaign.by_id.get(row.item)
    if item is None:
        return [f"no item {row.item!r:.60} is in the campaign; take the id from the sheet as it was exported"]
    if item.empty:
        return [f"item {item.id} is an empty answer, which nobody is asked about; remove the row"]
    return _edited(item, row)


def missing(campaign: Campaign, rows: Sequence[Row], rater: str) -> Iterator[str]:
    """The rows that a sheet of so many lacks; a sheet may have been split into several files.

    Args:
        campaign: whose sheets they are.
        rows: of all files.
        rater: of rows that do not say theirs.
    """
    names = {row.file: row.rater for row in reversed(rows) if row.rater}  # a row that lost its name is not missing
    sheets: dict[tuple[str, int], dict[int, str]] = {}
    for row in rows:
        if found := _NUMBER.fullmatch(row.number):
            name = row.rater or rater or names.get(row.file, "")
            sheets.setdefault((name, int(found[2])), {})[int(found[1])] = row.file
    for (name, total), numbers in sheets.items():
        files = ", ".join(dict.fromkeys(numbers.values()))
        if total > len(campaign.items):
            yield (
                f"{files}: rows are numbered as of {total}, and the campaign has {len(campaign.items)} answers; put "
                "the numbers back as they were exported, or pass --partial"
            )
            continue
        lacking = sorted(set(range(1, total + 1)) - set(numbers))
        if lacking:
            yield (
                f"{files}: of the {total} rows for {name or 'the rater'} these are missing: {_ranges(lacking)}; rows "
                "that could not be judged stay, empty. Put them back, give all parts of a split sheet, or pass "
                "--partial"
            )


def _edited(item: Item, row: Row) -> list[str]:
    wrong = []
    if row.answer is not None and not same(row.answer, item.text):
        wrong.append(
            f"the answer was changed: {_difference(item.text, row.answer)}; labels of an edited answer do not count, "
            "put it back and judge it again"
        )
    if row.context is not None and not any(same(row.context, conversation(item.dialog, name)) for name in LOCALES):
        wrong.append(f"the conversation was changed; it should end with {item.dialog.last!r:.80}, put it back")
    return wrong


def _difference(was: str, now: str) -> str:
    """Where two texts part, and what stands there in each."""
    parts = (at for at, (a, b) in enumerate(zip(was, now, strict=False)) if a != b)
    same_until = next(parts, min(len(was), len(now)))
    start = max(0, same_until - 20)
    before, after = (f"{'…' if start else ''}{text[start : start + 60]}" for text in (was, now))
    return f"it was {before!r}, is {after!r}"


def _ranges(numbers: Sequence[int]) -> str:
    """``2 to 5, 9``."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
