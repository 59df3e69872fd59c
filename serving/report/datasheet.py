"""What was judged and what was not, and why: every answer is counted once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from blender.labelling.records import Item, Label
from blender.serving.report.given import Given

JUDGED, EMPTY = "judged", "no answer, which is neither sensible nor specific"
SCORED = (JUDGED, EMPTY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Answers of one system in one source of labels that share a fate.

    Attributes:
        source: of the labels: campaign folder, data set, or run.
        system: who gave the answers.
        fate: ``judged``, or why not.
        answers: how many.
    """

    source: str
    system: str
    fate: str
    answers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSheet:
    """What the report rests on.

    Attributes:
        counted: answers by source, system and fate; only fates that occur.
        contexts: distinct (data set, dialog id) with a judged answer.
        raters: distinct names, where raters are known; ``None`` = they are not.
        labels: what raters said, repeats and gold left out; ``None`` = not known.
        gold: items by which raters are checked; not scored.
        repeats: items shown again; not scored.
    """

    counted: tuple[Counted, ...]
    contexts: int
    raters: int | None
    labels: int | None
    gold: int
    repeats: int

    @property
    def judged(self) -> int:
        """Answers that are scored."""
        return sum(each.answers for each in self.counted if each.fate in SCORED)

    @property
    def unjudged(self) -> int:
        """Answers that are not."""
        return sum(each.answers for each in self.counted if each.fate not in SCORED)


def data_sheet(given: Given) -> DataSheet:
    """Count everything that was given."""
    fates: dict[tuple[str, str, str], int] = defaultdict(int)
    for source, system, fate in (*_of_jobs(given), *_of_files(given), *_of_run(given)):
        fates[source, system, fate] += 1
    ratings = [labelled.asked().ratings for labelled in given.pools]
    known = [each for each in ratings if each is not None]
    scored = [job.campaign.by_id[label.item].scored for job in given.jobs for label in job.labels if label.judged]
    rated = sum(int((~np.isnan([r.sensible, r.specific, r.overall]).all(axis=0)).sum()) for r in known)
    items = [item for job in given.jobs for item in job.campaign.items]
    return DataSheet(
        counted=tuple(Counted(source=s, system=y, fate=f, answers=n) for (s, y, f), n in fates.items()),
        contexts=len({(p.dataset, p.pool.dialog.id) for p in given.pools if _labelled(p.sensible, p.overall)}),
        raters=len({name for each in known for name in each.raters}) if known and all(r.named for r in known) else None,
        labels=sum(scored) if given.jobs and len(given.jobs) == len(given.inputs) else rated or None,
        gold=sum(item.gold is not None for item in items),
        repeats=sum(item.repeats is not None for item in items),
    )


def _of_jobs(given: Given) -> Iterator[tuple[str, str, str]]:
    for job in given.jobs:
        said: dict[str, list[Label]] = defaultdict(list)
        for label in job.labels:
            said[label.item].append(label)
        for item in job.campaign.items:
            if item.scored:
                for system in item.systems:
                    yield job.name, system, _fate(item, said[item.id])


def _fate(item: Item, said: list[Label]) -> str:
    if any(label.judged for label in said):
        return JUDGED
    if item.empty:
        return EMPTY
    return "its raters could not judge it" if said else "no rater has seen it yet"


def _of_files(given: Given) -> Iterator[tuple[str, str, str]]:
    """Pools that come from label files; those of campaigns are counted by their items."""
    ours = {_key(item) for job in given.jobs for item in job.campaign.items}
    for labelled in given.pools:
        for candidate, *labels in zip(
            labelled.pool.candidates, labelled.sensible, labelled.specific, labelled.overall, strict=True
        ):
            if (labelled.pool.dialog.id, candidate.text) not in ours:
                yield labelled.dataset, candidate.source, "no label in the file" if np.isnan(labels).all() else JUDGED


def _of_run(given: Given) -> Iterator[tuple[str, str, str]]:
    """Answers of the run that no source of labels knows."""
    known = {(labelled.pool.dialog.id, text) for labelled in given.pools for text in labelled.pool.texts}
    known |= {_key(item) for job in given.jobs for item in job.campaign.items}
    for answer in given.answers:
        if (answer.dialog.id, answer.text) not in known:
            why = "not sent to raters" if answer.text.strip() else "the system gave no answer"
            yield "run", answer.system, why


def _key(item: Item) -> tuple[str, str]:
    return item.dialog.id, item.text


def _labelled(*labels: np.ndarray[tuple[int], np.dtype[np.float32]]) -> bool:
    return any(bool((~np.isnan(each)).any()) for each in labels)
