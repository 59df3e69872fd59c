"""`blend evaluate --system`: several systems over the same contexts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import Timeout

from blender.errors import BadInput, BlendError
from blender.locking import file_lock
from blender.outputs import check_new_file
from blender.reading import Task, check_tasks, read_tasks
from blender.serving.journal import ANSWERS, SYSTEMS, Journal, opened
from blender.serving.standings import labelled_tasks, labels_in
from blender.serving.systems import kind_of
from blender.serving.systems.folder import settle, stage
from blender.serving.systems.run import RunNote, SystemNote, read_contexts
from blender.serving.systems.running import Job, run_jobs
from blender.serving.systems.self_play import Played, with_usual_slices
from blender.serving.systems.summary import print_run
from blender.serving.systems.system import System, open_systems, parse
from blender.serving.terminal import messages, output


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the command line asks for.

    Attributes:
        dialogs: file of the contexts.
        out: folder of the run.
        given: ``NAME=SPEC`` texts.
        turns: answers of each system in a dialog.
        partner: name of the system that speaks as the human; ``None`` = each with itself.
        batch: dialogs answered together.
        fresh: the systems given begin anew.
        locale: of dialogs that do not say theirs.
    """

    dialogs: Path
    out: Path
    given: Sequence[str]
    turns: int
    partner: str | None
    batch: int
    fresh: bool
    locale: str


def evaluate_systems(request: Request) -> None:
    """Answer all contexts with all systems, going on where a kill stopped, and print how they fared.

    Raises:
        BadInput: dialogs, specs or predictions are wrong, or the folder holds another run; nothing was run.
        BlendError: the folder cannot be written.
    """
    specs = parse(request.given)
    if request.partner is not None and request.partner not in specs:
        raise BadInput(f"--partner must be one of the systems given ({', '.join(specs)}), got {request.partner!r}")
    for name in specs:
        check_new_file(request.out / SYSTEMS / name / ANSWERS, overwrite=True, read=[request.dialogs])
    ids = _checked(request)
    systems = open_systems(request.given, ids)
    _check_talks(request, systems)
    with ExitStack() as stack:
        _lock(request.out, stack)
        jobs = _jobs(request, specs, systems, stack)
        run_jobs(jobs, request.batch, len(ids))
    if nothing := print_run(output(), request.out, list(systems)):
        raise BlendError(f"of {', '.join(nothing)} every answer failed; what failed is said above")


def _checked(request: Request) -> dict[str, None]:
    """Ids of the dialogs, in order; all of the file's problems are told at once."""
    if labels_in(request.dialogs) is None:
        with request.dialogs.open("rb") as lines:
            check_tasks(lines, str(request.dialogs))
    ids: dict[str, None] = {}
    twice: list[str] = []
    for task in _tasks(request):
        if task.dialog.id in ids:
            twice.append(f"{request.dialogs}: the id {task.dialog.id!r} comes twice; ids are unique")
        ids[task.dialog.id] = None
    if twice:
        raise BadInput(twice)
    return ids


def _tasks(request: Request) -> Iterator[Task]:
    """The dialogs without candidates: every system finds its own answer."""
    labelled = labels_in(request.dialogs, request.locale)
    with request.dialogs.open("rb") as lines:
        read = read_tasks(lines, str(request.dialogs), locale=request.locale)
        for task in read if labelled is None else labelled_tasks(labelled):
            yield with_usual_slices(replace(task, candidates=None))


def _check_talks(request: Request, systems: Mapping[str, System]) -> None:
    if request.turns == 1:
        return
    problems = [
        f"--system {name}: a file of predictions cannot go on with a dialog; leave it out, or --turns"
        for name, system in systems.items()
        if not system.talks
    ]
    if problems:
        raise BadInput(problems)


def _lock(out: Path, stack: ExitStack) -> None:
    try:
        stack.enter_context(file_lock(out / ".lock", wait=False))
    except Timeout:
        raise BlendError(f"another run is writing to {out}; wait for it, or give another --out") from None
    except OSError as fault:
        raise BlendError(f"cannot write to {out}: {fault.strerror}; give another --out or make room") from None


def _jobs(request: Request, specs: Mapping[str, str], systems: Mapping[str, System], stack: ExitStack) -> list[Job]:
    """Open every journal; only when all agree with what is there are the run's contexts and note written."""
    made = {name: _made(request, name, systems) for name in systems}
    given = {name: SystemNote(spec=spec, kind=kind_of(spec), made_by=made[name]) for name, spec in specs.items()}
    note = RunNote(turns=request.turns, partner=request.partner, systems=given)
    note = stage(request.out, _tasks(request), note, fresh=request.fresh)
    journals = {
        name: stack.enter_context(opened(request.out / SYSTEMS / name, made[name], fresh=request.fresh))
        for name in systems
    }
    settle(request.out, note)
    return [_job(request, name, systems, journal) for name, journal in journals.items()]


def _job(request: Request, name: str, systems: Mapping[str, System], journal: Journal) -> Job:
    tasks = read_contexts(request.out)
    done = journal.skip_done(tasks, request.turns)
    if done:
        messages().print(f"{name}: {done:,} dialogs were answered before; going on from there")
    partner = systems[request.partner] if request.partner else None
    played = Played(name=name, system=systems[name], turns=request.turns, partner=partner)
    return Job(played=played, journal=journal, tasks=tasks, done=done)


def _made(request: Request, name: str, systems: Mapping[str, System]) -> dict[str, str]:
    made = dict(systems[name].made_by)
    if request.turns > 1:
        partner = request.partner or name
        made["turns"] = str(request.turns)
        made |= {f"partner {part}": value for part, value in systems[partner].made_by.items()}
    return made
