"""What a report is made from: labelled campaigns or label files, and maybe a run with predictions."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from blender.errors import BadInput
from blender.judging.label_files import read_label_files
from blender.judging.pools import LabelledPool
from blender.labelling.aggregate import Method, labelled_pools
from blender.labelling.campaign import Campaign
from blender.labelling.records import Label
from blender.serving.journal import RUN
from blender.serving.label import job as labelling
from blender.serving.predictions import Prediction, read_predictions
from blender.serving.systems.run import Answered, read_note, read_run

PREDICTIONS = "predictions.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One input, so that it is known again.

    Attributes:
        name: as it was given.
        kind: ``campaign``, ``label file``, ``run`` or ``predictions``.
        digest: sixteen hex digits of its content, labels included.
    """

    name: str
    kind: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A campaign and all labels given to it so far, repeats and gold included."""

    name: str
    campaign: Campaign
    labels: tuple[Label, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Everything a report is made from.

    Attributes:
        pools: labelled.
        jobs: the campaigns some of them come from.
        answers: of the run's systems, labelled or not; empty without a run of systems.
        systems: spec and fingerprints of those systems, by name.
        predictions: by (dialog id, answer text); empty if there are none.
        predicted_by: fingerprints of what predicted.
        inputs: what was read.
    """

    pools: tuple[LabelledPool, ...]
    jobs: tuple[Job, ...] = ()
    answers: tuple[Answered, ...] = ()
    systems: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    predictions: Mapping[tuple[str, str], Prediction] = field(default_factory=dict)
    predicted_by: Mapping[str, str] = field(default_factory=dict)
    inputs: tuple[Input, ...] = ()


def read_given(
    inputs: Sequence[Path],
    run: Path | None = None,
    *,
    method: Method = "majority",
    database: str | None = None,
    seed: int = 0,
) -> Given:
    """Read everything.

    Args:
        inputs: campaign folders, or label files as `blender.judging.labels` reads them.
        run: folder of ``blend evaluate --system``, of ``blend predict``, or of both.
        method: how a campaign's labels are put together.
        database: SQLAlchemy URL or file of the labels; default: ``labels.sqlite`` in each campaign's folder.
        seed: of the aggregation.

    Raises:
        BadInput: nothing was given, files are missing or wrong (the problems of all are listed), or the labels of a
            campaign are given twice.
    """
    if not inputs and run is None:
        raise BadInput(
            "nothing to report on: give a campaign's folder, label files, or a run with predictions by --run"
        )
    problems: list[str] = []
    pools: list[LabelledPool] = []
    files: list[Path] = []
    jobs: list[Job] = []
    read: list[Input] = []
    for path in inputs:
        try:
            if path.is_dir():
                jobs.append(_job(path, database))
                read.append(_described(jobs[-1]))
                pools += labelled_pools(jobs[-1].campaign, jobs[-1].labels, method, seed=seed)
            else:
                files.append(path)
        except BadInput as fault:
            problems += fault.problems
    try:
        pools += read_label_files(files) if files else []
        read += [Input(name=str(path), kind="label file", digest=_digest([path.read_bytes()])) for path in files]
        problems += _twice(jobs, pools)
    except BadInput as fault:
        problems += fault.problems
    if problems:
        raise BadInput(problems)
    ran = _run(run, read) if run else Given(pools=())
    return replace(ran, pools=tuple(pools), jobs=tuple(jobs), inputs=tuple(read))


def _twice(jobs: Sequence[Job], pools: Sequence[LabelledPool]) -> list[str]:
    """Campaigns whose answers come twice, be it by two folders or by a folder and the file that came of it."""
    times = Counter(
        (labelled.dataset, labelled.pool.dialog.id, candidate.source, candidate.text)
        for labelled in pools
        for candidate in labelled.pool.candidates
    )
    again = {(dataset, dialog) for (dataset, dialog, *_), count in times.items() if count > 1}
    return [
        f"the answers of {job.name} come a second time in what was given; give them once, or their labels count twice"
        for job in jobs
        if any((job.campaign.name, item.dialog.id) in again for item in job.campaign.items)
    ]


def _job(folder: Path, database: str | None) -> Job:
    opened = labelling.Job.open(folder, database)
    return Job(name=str(folder), campaign=opened.campaign, labels=tuple(opened.labels()))


def _described(job: Job) -> Input:
    said = (msgspec.json.encode(label) for label in job.labels)
    return Input(name=job.name, kind="campaign", digest=_digest([job.campaign.id.encode(), *said]))


def _run(folder: Path, read: list[Input]) -> Given:
    """Answers of systems and predictions; each may be absent, but not both."""
    found = Given(pools=())
    path = folder / PREDICTIONS
    if path.exists():
        made_by, predictions = read_predictions(path)
        found = replace(found, predictions=predictions, predicted_by=made_by)
        read.append(Input(name=str(path), kind="predictions", digest=_digest([path.read_bytes()])))
    if (folder / RUN).exists() or not path.exists():
        notes = read_note(folder).systems
        systems = {name: {"spec": note.spec, "kind": note.kind, **note.made_by} for name, note in notes.items()}
        found = replace(found, answers=tuple(read_run(folder)), systems=systems)
        read.append(Input(name=str(folder), kind="run", digest=_digest(map(_line, found.answers))))
    return found


def _line(answer: Answered) -> bytes:
    return msgspec.json.encode([answer.system, answer.dialog.id, answer.text])


def _digest(parts: Iterable[bytes]) -> str:
    found = hashlib.sha256()
    for part in parts:
        found.update(len(part).to_bytes(8, "big") + part)
    return found.hexdigest()[:16]
