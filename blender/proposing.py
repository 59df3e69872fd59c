"""Proposing: every source over the dialogs; one that fails costs its own candidates."""

from __future__ import annotations

import reprlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from blender.faults import Fault, Outcome, Runner, described, logged
from blender.records import Candidate, Dialog
from blender.roles import CandidateSource, Incomplete
from blender.together import Lists, proposing

_AGAIN = ("raised", "shape")  # faults that one dialog may have brought upon all


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

    A source that raises or gives what it should not over a batch is asked again dialog by dialog, so that one dialog
    costs the others nothing; the others are not asked again.
    """
    begun = time.perf_counter()
    whole = timeout * max(1, len(dialogs))
    outcome = _ask(dialogs, sources, runner, whole, hurry)
    candidates: dict[str, Lists] = {}
    faults: list[list[Fault]] = [[] for _ in dialogs]
    for name, slot in sources.items():
        lists, found = _checked(name, dialogs, outcome)
        if len(dialogs) > 1 and any(fault.reason in _AGAIN for one in found for fault in one):
            lists, found = _one_by_one(name, slot, dialogs, runner, begun + whole)
        candidates[name] = lists
        for mine, new in zip(faults, found, strict=True):
            mine += new
    seconds = {f"propose.{name}": took for name, took in outcome.seconds.items()}
    return Proposals(candidates=candidates, faults=[tuple(one) for one in faults], seconds=seconds)


def _ask(
    dialogs: Sequence[Dialog], sources: Mapping[str, SourceSlot], runner: Runner, timeout: float, hurry: bool
) -> Outcome[Lists]:
    """What came of the sources that are worth beginning: no other is drawn for."""
    if not dialogs:
        return Outcome(results={}, faults=(), seconds={})
    count = len(dialogs)
    refused = runner.refused(sources, timeout, work=count, hurry=hurry)
    calls = proposing(dialogs, {name: (slot.source, slot.k) for name, slot in sources.items() if name not in refused})
    came = runner.run(calls, timeout, work=count)
    return replace(came, faults=(*refused.values(), *came.faults))


def _one_by_one(
    name: str, slot: SourceSlot, dialogs: Sequence[Dialog], runner: Runner, until: float
) -> tuple[Lists, list[list[Fault]]]:
    """As `_checked`, of a call for each dialog, all done at a moment."""
    lists: Lists = []
    faults: list[list[Fault]] = []
    for dialog in dialogs:
        call = {name: partial(slot.source.propose, [dialog], slot.k)}
        own, found = _checked(name, [dialog], runner.run(call, max(0.0, until - time.perf_counter())))
        lists += own
        faults += found
    return lists, faults


def _checked(name: str, dialogs: Sequence[Dialog], outcome: Outcome[Lists]) -> tuple[Lists, list[list[Fault]]]:
    """One list of candidates for each dialog, whatever the source gave, and what was wrong with it."""
    nothing: Lists = [[] for _ in dialogs]
    if name not in outcome.results:  # raised or late
        return nothing, [[fault for fault in outcome.faults if fault.name == name] for _ in dialogs]
    came: object = outcome.results[name]
    if not isinstance(came, list) or len(came) != len(dialogs) or not all(isinstance(each, list) for each in came):
        what = f"{type(came).__name__} {reprlib.repr(came):.60}"
        detail = f"gave {what}, should be {len(dialogs)} lists, one for each dialog"
        return nothing, [[logged(Fault(part="source", name=name, reason="shape", detail=detail))] for _ in dialogs]
    good = [[_named(each, name) for each in one if isinstance(each, Candidate)] for one in came]
    return good, [
        [*_failed(name, one), *_lost(name, len(one) - len(kept))] for one, kept in zip(came, good, strict=True)
    ]


def _failed(name: str, came: list[Candidate]) -> list[Fault]:
    if not isinstance(came, Incomplete):
        return []
    detail = f"not all came: {described(came.why)}"
    return [logged(Fault(part="source", name=name, reason="part", detail=detail))]


def _lost(name: str, count: int) -> list[Fault]:
    detail = f"{count} of its proposals were no Candidate records"
    return [logged(Fault(part="source", name=name, reason="bad candidate", detail=detail))] if count else []


def _named(candidate: Candidate, name: str) -> Candidate:
    """The candidate under the name its source has in the settings, where the same kind may stand twice."""
    return candidate if candidate.source == name else replace(candidate, source=name, origins=())
