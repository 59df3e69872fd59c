"""Sheets of a labelling job, out and back."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from blender.errors import BadInput
from blender.labelling.allocation import allocate
from blender.labelling.campaign import Campaign
from blender.labelling.guidelines import guidelines
from blender.labelling.importing import Imported, check_rows
from blender.labelling.sheets import SHARED_OUT, Row, Sheet, format_of, sheet_format
from blender.outputs import written_aside
from blender.problems import Problems
from blender.serving.label.job import Job, check_absent
from blender.serving.terminal import messages, output, shown

_UNSAFE = re.compile(r"[^\w-]+")
_KEEP = "it may hold labels. Import it first, give another --out, or pass --overwrite to lose it"


def export_sheets(
    job: Job, made_as: str, raters: Sequence[str], out: Path | None, *, everything: bool, overwrite: bool
) -> None:
    """Write the sheets, one a rater or one for all, and the guidelines beside them; the files go to standard output.

    Raises:
        BadInput: raters are wrong, there is nothing to ask, or files are in the way.
        BlendError: a file cannot be written.
    """
    made = sheet_format(made_as)
    sheets = _sheets(job.campaign, made_as, raters, everything)
    if not job.campaign.pages:
        raise BadInput("every answer of this campaign is empty; there is nothing to ask raters")
    folder = out or job.folder / "sheets"
    paths = {folder / f"{name}{made.SUFFIX}": sheet for name, sheet in sheets.items()}
    if not overwrite:
        check_absent(list(paths), _KEEP)
    console = output()
    for path, sheet in paths.items():
        for file in made.write(sheet, path):
            console.print(shown(str(file)), soft_wrap=True)
        messages().print(shown(_described(sheet)))
    locale = next(iter(sheets.values())).locale
    told = folder / f"guidelines.{locale}.md"
    if overwrite or not told.exists():  # organisers add to them
        with written_aside(told) as aside:
            aside.write_text(guidelines(locale), encoding="utf-8")
    messages().print(
        shown(f"Guidelines for the raters: {told}. Bring sheets back: blend label import {job.folder} FILE")
    )


def import_sheets(
    job: Job, files: Sequence[Path], read_as: str | None, rater: str, *, replace: bool, partial: bool
) -> None:
    """Read, check and save sheets: all labels of all of them, or none.

    Raises:
        BadInput: anything is wrong with any sheet; every problem with its file and row.
    """
    rows = _read(files, read_as)
    store = job.store()
    try:
        before = store.labels(job.campaign.id)
        imported = check_rows(job.campaign, rows, before, rater=rater.strip(), replace=replace, partial=partial)
        store.put(job.campaign.id, imported.labels)
    finally:
        store.close()
    _report(output(), imported)


def _sheets(campaign: Campaign, made_as: str, raters: Sequence[str], everything: bool) -> dict[str, Sheet]:
    """Sheets by the name of their file."""
    whole = Sheet(campaign=campaign, pages=tuple(campaign.pages))
    if made_as in SHARED_OUT:
        if raters or everything:
            raise BadInput(
                f"{made_as} shares tasks out itself; leave --rater and --everything out, and set its overlap"
            )
        return {"tasks": whole}
    if not raters:
        return {"sheet": whole}
    lists = allocate(campaign, raters, everything=everything)
    names = _file_names(raters)
    return {names[rater]: Sheet(campaign=campaign, pages=tuple(pages), rater=rater) for rater, pages in lists.items()}


def _file_names(raters: Sequence[str]) -> dict[str, str]:
    """A name that any file system takes, different for each; names that fall together get a number."""
    plain = {rater: _UNSAFE.sub("_", rater).strip("_")[:80] or "rater" for rater in raters}
    times = Counter(name.casefold() for name in plain.values())
    return {
        rater: name if times[name.casefold()] == 1 else f"{name}-{number}"
        for number, (rater, name) in enumerate(plain.items(), start=1)
    }


def _described(sheet: Sheet) -> str:
    whom = sheet.rater or "whoever is given it"
    return f"  for {whom}: {len(sheet.items):,} answers on {len(sheet.pages):,} pages"


def _read(files: Sequence[Path], read_as: str | None) -> list[Row]:
    """The rows of all files; the problems of all are told together."""
    problems = Problems()
    rows: list[Row] = []
    names = Counter(path.name for path in files)
    twice = [name for name, times in names.items() if times > 1]
    if twice:
        problems.add([f"two files are named {name}; rename one, so that problems can be told apart" for name in twice])
    for path in files:
        try:
            rows += (sheet_format(read_as) if read_as else format_of(path)).read(path)
        except BadInput as fault:
            problems.add(fault.problems)
    problems.raise_any()
    return rows


def _report(console: Console, imported: Imported) -> None:
    saved = len(imported.labels)
    if saved:
        raters = Counter(label.rater for label in imported.labels)
        by = ", ".join(f"{rater} {count:,}" for rater, count in sorted(raters.items()))
        console.print(shown(f"{saved:,} labels saved ({by})"), soft_wrap=True)
    elif imported.known:
        console.print(f"Nothing new: all {imported.known:,} labels were there already.")
    else:
        console.print("No label saved: the sheets are not filled in.")
    notes = (
        (imported.replaced, "took the place of another label"),
        (imported.known if saved else 0, "were there already"),
        (imported.unjudged, "rows are not judged; they stay without a label"),
        (imported.not_specific, "answers were called specific but not sensible; they are taken as not specific"),
        (imported.half, "answers are called sensible, whether specific was left open"),
    )
    for count, what in notes:
        if count:
            console.print(f"  {count:,} {what}", soft_wrap=True)
