"""Proposing: every source over the dialogs; one that fails costs its own candidates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from blender.faults import Fault, Outcome, Runner
from blender.records import Candidate, Dialog
from blender.roles import CandidateSource
from blender.together import Lists, proposing


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSlot:
    """A source and how many candidates it is asked for."""

    source: CandidateSource
    k: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposals:
    """Candidates by source, one list per dialog; faults per dialog; seconds by source."""

    candidates: dict[str, Lists]
    faults: list[tuple[Fault, ...]]
    seconds: dict[str, float]


def propose(
    dialogs: Sequence[Dialog],
    sources: Mapping[str, SourceSlot],
    runner: Runner,
    timeout: float,
    *,
    hurry: bool = False,
) -> Proposals:
    """Ask every source, side by side; those that draw from one language model, in one pass of it.

    Args:
        dialogs: any number.
        sources: by name.
        runner: keeps account of plug-ins that hang, from call to call.
        timeout: seconds per dialog.
        hurry: do not begin those that usually take longer.

    A source that raises over a batch is asked again dialog by dialog, so that one dialog costs the others
    nothing.
    """
    outcome = _ask(dialogs, sources, runner, timeout, hurry)
    if len(dialogs) > 1 and any(fault.reason == "raised" for fault in outcome.faults):
        return _joined([propose([dialog], sources, runner, timeout, hurry=hurry) for dialog in dialogs], sources)
    candidates: dict[str, Lists] = {}
    faults = list(outcome.faults)
    for name in sources:
        lists, fault = _checked(name, outcome.results.get(name), len(dialogs))
        candidates[name] = lists
        faults += [fault] if fault else []
    seconds = {f"propose.{name}": took for name, took in outcome.seconds.items()}
    return Proposals(candidates=candidates, faults=[tuple(faults)] * len(dialogs), seconds=seconds)


def _ask(
    dialogs: Sequence[Dialog], sources: Mapping[str, SourceSlot], runner: Runner, timeout: float, hurry: bool
) -> Outcome[Lists]:
    calls = proposing(dialogs, {name: (slot.source, slot.k) for name, slot in sources.items()})
    count = max(1, len(dialogs))
    return runner.run(calls if dialogs else {}, timeout * count, work=count, hurry=hurry)


def _checked(name: str, came: object, dialogs: int) -> tuple[Lists, Fault | None]:
    """One list of candidates per dialog, whatever the source gave."""
    if came is None:  # raised or late: already accounted for
        return [[] for _ in range(dialogs)], None
    if not isinstance(came, list) or len(came) != dialogs:
        size = f"{len(came)} lists" if isinstance(came, list) else type(came).__name__
        fault = Fault(part="source", name=name, reason="shape", detail=f"gave {size} for {dialogs} dialogs")
        return [[] for _ in range(dialogs)], fault
    good = [[_named(c, name) for c in candidates if isinstance(c, Candidate)] for candidates in came]
    lost = sum(len(candidates) for candidates in came) - sum(len(candidates) for candidates in good)
    if lost:
        detail = f"{lost} of its proposals were no Candidate records"
        return good, Fault(part="source", name=name, reason="bad candidate", detail=detail)
    return good, None


def _named(candidate: Candidate, name: str) -> Candidate:
    """The candidate under the name its source has in the settings, where the same kind may stand twice."""
    return candidate if candidate.source == name else replace(candidate, source=name, origins=())


def _joined(alone: Sequence[Proposals], sources: Mapping[str, SourceSlot]) -> Proposals:
    seconds: dict[str, float] = {}
    for one in alone:
        for name, took in one.seconds.items():
            seconds[name] = seconds.get(name, 0.0) + took
    return Proposals(
        candidates={name: [one.candidates[name][0] for one in alone] for name in sources},
        faults=[one.faults[0] for one in alone],
        seconds=seconds,
    )
