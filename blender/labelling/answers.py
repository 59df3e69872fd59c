"""What systems answered, as labelling needs it: from a run of systems, or from a file of pools."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from blender.errors import BadInput
from blender.judging import prediction_powered
from blender.labelling.records import Brought
from blender.reading import check_tasks, read_tasks
from blender.records import Candidate, Dialog


class Answer(prediction_powered.Answer, Protocol):
    """One system's answer to one context; an empty text is an answer too, a failed one."""

    @property
    def kind(self) -> str:
        """What sort of source that is, as `blender.records.Kind`."""
        ...

    @property
    def brought(self) -> Brought | None:
        """What the source said of it, if it is known."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """A candidate of a pool, as the `Answer` of its source."""

    system: str
    kind: str
    dialog: Dialog
    text: str
    slices: Mapping[str, str] = field(default_factory=dict)
    brought: Brought | None = None

    @classmethod
    def of(cls, candidate: Candidate, dialog: Dialog, slices: Mapping[str, str]) -> Proposed:
        """What a candidate's source answers to a context."""
        return cls(
            system=candidate.source,
            kind=candidate.kind,
            dialog=dialog,
            text=candidate.text,
            slices=slices,
            brought=Brought(rank=candidate.rank, score=candidate.score, matched=candidate.matched),
        )


def read_pools(path: Path, *, locale: str = "en") -> list[Proposed]:
    """Every candidate of a file of pools (`blender.reading`), in order; the candidate's source is its system.

    Raises:
        BadInput: the file cannot be read, or rows are wrong or bring no candidates; every problem with its line.
    """
    try:
        with path.open("rb") as lines:
            check_tasks(lines, str(path), candidates=True)
            lines.seek(0)
            tasks = list(read_tasks(lines, str(path), locale=locale))
    except OSError as fault:
        raise BadInput(f"{path} cannot be read: {fault.strerror}; give a run's folder or a file of pools") from None
    return [Proposed.of(candidate, task.dialog, task.slices) for task in tasks for candidate in task.candidates or ()]
