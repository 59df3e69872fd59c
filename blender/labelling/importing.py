"""Sheets that came back, checked as a whole: labels come out only when nothing is wrong with any row."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from blender.labelling.campaign import Campaign
from blender.labelling.records import Label
from blender.labelling.sheets.checking import judged, missing, wrong_item, wrong_rater
from blender.labelling.sheets.sheet import Row
from blender.problems import Problems

_NAMED = 3  # rows of another campaign's sheet


@dataclass(kw_only=True)
class Imported:
    """What sheets bring.

    Attributes:
        labels: to be saved.
        replaced: of these, how many take the place of an earlier label.
        known: labels that were there already.
        unjudged: rows without a label.
        not_specific: answers that were called specific but not sensible; they are taken as not specific.
        half: answers called sensible whose other question was left open.
    """

    labels: list[Label] = field(default_factory=list)
    replaced: int = 0
    known: int = 0
    unjudged: int = 0
    not_specific: int = 0
    half: int = 0


def check_rows(
    campaign: Campaign,
    rows: Sequence[Row],
    before: Sequence[Label] = (),
    *,
    rater: str = "",
    replace: bool = False,
    partial: bool = False,
) -> Imported:
    """Check the rows of all sheets of one import together.

    Args:
        campaign: whose sheets they should be.
        rows: of all files.
        before: labels there are already.
        rater: of rows that do not say theirs.
        replace: whether a label may take the place of a different one.
        partial: whether rows of a sheet may be missing.

    Raises:
        BadInput: anything is wrong; every problem with its file and row (of more than a thousand the first thousand).
    """
    problems = Problems()
    ours = list(_of_campaign(campaign, rows, problems))
    check = _Check(campaign, before, rater, replace)
    for row in ours:
        problems.add([f"{row.file}, {row.place}: {text}" for text in check.take(row)])
    if not partial:
        problems.add(list(missing(campaign, ours, rater)))
    problems.raise_any()
    return check.imported


class _Check:
    """What was met so far."""

    def __init__(self, campaign: Campaign, before: Sequence[Label], rater: str, replace: bool) -> None:
        self.imported = Imported()
        self._campaign, self._rater, self._replace = campaign, rater, replace
        self._standing = {(label.item, label.rater): label for label in before}
        self._names = {label.rater.casefold(): label.rater for label in before}
        self._met: dict[tuple[str, str], tuple[Row, tuple[bool | None, bool | None]]] = {}

    def take(self, row: Row) -> list[str]:
        """Take a row's label up, or say all that is wrong with the row."""
        name = unicodedata.normalize("NFC", row.rater or self._rater)
        name = self._names.setdefault(name.casefold(), name)  # Ann and ann are one rater
        wrong, *labels = judged(row)
        said = (labels[0], labels[1])
        wrong += wrong_item(self._campaign, row)
        if said[0] is not None or name:
            wrong += wrong_rater(name)
        first, before = self._met.setdefault((row.item, name), (row, said))
        if row.item and first is not row:
            if first.file == row.file or said != before:
                return [*wrong, _twice(first, row, name, said == before)]
            return wrong  # the same in two files: once is enough
        return wrong or self._keep(row, name, *said)

    def _keep(self, row: Row, name: str, sensible: bool | None, specific: bool | None) -> list[str]:
        made = self.imported
        if sensible is None:
            made.unjudged += 1
            return []
        if not sensible:
            made.not_specific += bool(specific)
            specific = False
        made.half += specific is None
        label = Label(
            item=row.item, rater=name, sensible=sensible, specific=specific, seconds=row.seconds, origin=row.file[-200:]
        )
        old = self._standing.get((label.item, label.rater))
        if old and (old.sensible, old.specific) == (sensible, specific):
            made.known += 1
            return []
        if old and old.judged and not self._replace:
            return [
                f"{name} said {_said(old)} of item {row.item} before (from {old.origin}), now {_said(label)}; pass "
                "--replace to take the sheet's"
            ]
        made.replaced += old is not None and old.judged
        made.labels.append(label)
        return []


def _of_campaign(campaign: Campaign, rows: Sequence[Row], problems: Problems) -> Iterator[Row]:
    """The rows of this campaign; a whole sheet of another is one problem, not one a row."""
    others: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row.campaign == campaign.id:
            yield row
        else:
            others.setdefault((row.file, row.campaign), []).append(row)
    for (file, other), group in others.items():
        more = len(group) - _NAMED
        where = ", ".join(row.place for row in group[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")
        stated = f"of another campaign, {other!r:.40}" if other else "the campaign's id is missing"
        problems.add(
            [
                f"{file}, {where}: {stated}; this one is {campaign.id} ({campaign.name!r:.80}). Give the folder the "
                "sheet was exported from, or put the id back"
            ]
        )


def _twice(first: Row, row: Row, name: str, alike: bool) -> str:
    where = first.place if first.file == row.file else f"{first.file}, {first.place}"
    how = "comes twice" if alike else "comes twice with different labels"
    return f"item {row.item} by {name or 'an unnamed rater'} {how}, first in {where}; keep one"


def _said(label: Label) -> str:
    labels = (("sensible", label.sensible), ("specific", label.specific))
    return ", ".join(f"{name} {'open' if value is None else int(value)}" for name, value in labels)
