"""Labels of several raters put together and written in the training format."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from blender.errors import BadInput, UnknownName
from blender.judging.rows import LabelRow
from blender.labelling.aggregate import Method, label_rows, not_judged
from blender.outputs import written_aside
from blender.serving.label.job import Job
from blender.serving.terminal import messages, output, shown


def write_labels(job: Job, out: Path, method: Method, seed: int, without: Sequence[str] = ()) -> None:
    """Write the aggregated labels of a job, but for those of some raters; the file's name goes to standard output.

    Raises:
        UnknownName: one of these raters has no label.
        BadInput: nothing is labelled yet, or raters have too few labels for the method.
        BlendError: the file cannot be written.
        MissingPackage: the method needs crowd-kit.
    """
    given = job.labels()
    known = sorted({label.rater for label in given})
    for name in without:
        if name not in known:
            raise UnknownName("rater", name, known)
    labels = [label for label in given if label.rater not in without]
    if not any(label.judged for label in labels):
        raise BadInput(
            f"{job.db} holds no label of this campaign that counts; label on the page, or import sheets first"
        )
    rows = label_rows(job.campaign, labels, method, seed=seed)
    _write(out, rows)
    missing = len(not_judged(job.campaign, labels))
    output().print(shown(str(out)), soft_wrap=True)
    told = messages()
    told.print(f"{len(rows):,} rows (an answer of two systems is two), by {method}.")
    if missing:
        told.print(f"{missing:,} answers have no label yet; they are left out, not counted as bad.")
        empty = sum(not row.response.strip() for row in rows)
        if empty:  # with the job at hand, a report weighs these by how much is judged; the file does not say
            told.print(
                f"{empty:,} empty answers are in, as not sensible: until all is labelled a report on this file is too "
                f"hard on the systems that gave them. Report on the job: blend report {job.folder}",
                soft_wrap=True,
            )


def _write(path: Path, rows: list[LabelRow]) -> None:
    with written_aside(path) as aside, aside.open("wb") as out:
        for row in rows:
            given = {name: value for name, value in msgspec.to_builtins(row).items() if value not in (None, [], {})}
            out.write(msgspec.json.encode(given) + b"\n")
