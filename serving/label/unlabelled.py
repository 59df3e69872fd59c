"""What can be labelled: contexts with their answers, from a run, a file of pools or a file of labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from blender.errors import BadInput
from blender.pooling import duplicate_key
from blender.reading import Task, check_tasks, read_tasks
from blender.records import Candidate, Dialog
from blender.serving.inputs import check_readable
from blender.serving.journal import ANSWERS, SYSTEMS
from blender.serving.record import read_answers
from blender.serving.standings import labelled_tasks, labels_in

_ACCEPTED = "give the folder of a `blend evaluate` run, or a file of pools or of labels"


def read_unlabelled(path: Path, *, locale: str) -> list[Task]:
    """Contexts with candidates, in their order; labels are not looked at.

    Args:
        path: a run's folder, JSON lines of pools (`blender.reading`), or labels (`blender.judging.labels`).
        locale: of dialogs that do not say theirs.

    Raises:
        BadInput: it is none of them, or broken; every problem is listed.
    """
    if path.is_dir():
        return _of_folder(path, locale)
    check_readable(path)
    labelled = labels_in(path)
    if labelled is not None:
        return list(labelled_tasks(labelled))
    with path.open("rb") as lines:
        check_tasks(lines, str(path), candidates=True)
        lines.seek(0)
        return list(read_tasks(lines, str(path), locale=locale))


def _of_folder(folder: Path, locale: str) -> list[Task]:
    from blender.serving.systems.run import read_run

    if (folder / SYSTEMS).is_dir():
        by_dialog: dict[str, Task] = {}
        for each in read_run(folder):
            own = Candidate(text=each.text, source=each.system, kind=each.kind)
            before = by_dialog.get(each.dialog.id)
            answers = (*(before.candidates or () if before else ()), *([own] if each.text.strip() else []))
            line = before.line if before else len(by_dialog) + 1
            slices = dict(before.slices if before else each.slices)
            by_dialog[each.dialog.id] = Task(line=line, dialog=each.dialog, candidates=answers, slices=slices)
        return list(by_dialog.values())
    if (folder / ANSWERS).is_file():
        return list(_of_answers(folder / ANSWERS, locale))
    raise BadInput(f"{folder} holds no run: neither {SYSTEMS}/ nor {ANSWERS}; {_ACCEPTED}")


def _of_answers(path: Path, locale: str) -> Iterator[Task]:
    """The pools that a single blender made, its blocked candidates left out: nobody should have to read them.

    Choices may share an id, as those of one conversation do: the second with ``d`` is called ``d-2``.
    """
    seen: set[str] = set()
    again: Counter[str] = Counter()
    for number, record in enumerate(read_answers(path), start=1):
        name = record.id
        while name in seen:
            again[record.id] += 1
            name = f"{record.id}-{again[record.id] + 1}"
        seen.add(name)
        yield Task(
            line=number,
            dialog=Dialog(
                id=name, turns=tuple(record.turns), facts=tuple(record.facts), locale=record.locale or locale
            ),
            candidates=tuple(
                Candidate(
                    text=each.text,
                    source=each.source,
                    kind=each.kind,
                    rank=each.rank,
                    score=each.score,
                    matched=each.matched,
                )
                for each in record.pool
                if not each.blocked
            ),
            slices=record.slices,
        )


def distinct(candidates: Iterable[Candidate]) -> list[int]:
    """Positions of the first of each text: answers that say the same tie by nature, which is no reason to label."""
    first: dict[str, int] = {}
    for at, candidate in enumerate(candidates):
        first.setdefault(duplicate_key(candidate.text), at)
    return list(first.values())


def same_context(dialog: Dialog) -> str:
    """Equal for contexts of the same words."""
    return "\n".join(duplicate_key(text) for text in dialog.texts)


def pool_line(task: Task, order: Sequence[int]) -> bytes:
    """A context and the candidates at ``order`` as a line that `blender.reading` takes."""
    dialog, candidates = task.dialog, task.candidates or ()
    row = {
        "id": dialog.id,
        "turns": dialog.turns,
        "candidates": [_candidate(candidates[at]) for at in order],
        "facts": dialog.facts,
        "locale": dialog.locale,
        "slices": dict(task.slices),
    }
    return msgspec.json.encode({name: value for name, value in row.items() if value}) + b"\n"


def _candidate(candidate: Candidate) -> dict[str, object]:
    names = ("text", "source", "kind", "rank", "score", "features", "matched", "evidence")
    given = {name: getattr(candidate, name) for name in names}
    return {name: value for name, value in given.items() if name == "text" or value not in (None, (), {})}
