"""Answer records of systems that are not a whole blender: nothing was ranked, so nothing is known of probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from blender.faults import Fault
from blender.records import Candidate, Dialog
from blender.serving.record import AnswerRecord, CandidateRecord, digest

Outcome = Literal["answered", "abstained", "empty", "failed"]


def system_record(
    dialog: Dialog,
    candidates: Sequence[Candidate],
    *,
    source: str,
    why: str = "",
    abstained: str | None = None,
    faults: Sequence[Fault] = (),
    cost: float = 0.0,
    seconds: float | None = None,
) -> AnswerRecord:
    """The record of an answer that is the first candidate; without candidates the text is empty.

    Args:
        dialog: what was asked.
        candidates: best first.
        source: name of what answered.
        why: one sentence.
        abstained: why there is no answer, if the system chose to give none.
        faults: what failed.
        cost: in the money of the prices given.
        seconds: that the answer took; ``None`` = not known.
    """
    return AnswerRecord(
        id=dialog.id,
        asked=digest(dialog),
        turns=list(dialog.turns),
        text=candidates[0].text if candidates else "",
        source=source,
        winner=0 if candidates else None,
        abstained=None if candidates else abstained,
        sensible=None,
        specific=None,
        why=why,
        pool=[_plain(candidate) for candidate in candidates],
        faults=list(faults),
        notes=[],
        bundle="",
        cost=cost,
        seconds={} if seconds is None else {"dialog": round(seconds, 4)},
    )


def failed_record(
    dialog: Dialog, system: str, fault: Exception, *, cost: float = 0.0, seconds: float | None = None
) -> AnswerRecord:
    """The record of a dialog that a system could not answer: no text, and the fault."""
    told = Fault(part="system", name=system, reason="raised", detail=f"{type(fault).__name__}: {fault}"[:400])
    record = system_record(dialog, (), source=system, why="The system failed.", cost=cost, seconds=seconds)
    return msgspec.structs.replace(record, faults=[told])


def outcome(record: AnswerRecord) -> Outcome:
    """What became of a dialog.

    ``failed``: no text, and a fault says why; ``abstained``: the system chose not to answer (a blender gives its
    answer of last resort instead); ``empty``: it answered with nothing.
    """
    if record.abstained is not None:
        return "abstained"
    if record.text.strip():
        return "answered"
    return "failed" if record.faults else "empty"


def _plain(candidate: Candidate) -> CandidateRecord:
    return CandidateRecord(
        text=candidate.text,
        source=candidate.source,
        kind=candidate.kind,
        origins=[origin.source for origin in candidate.origins],
        value=None,
        sensible=None,
        specific=None,
        blocked=[],
        features={},
    )
