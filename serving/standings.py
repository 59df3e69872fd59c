"""How well a run chose, where people labelled the candidates: head-room recovered beside the baselines."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import msgspec
from rich.console import Console

from blender.errors import BadInput
from blender.judging.ceiling import noise_ceiling
from blender.judging.compare import Comparison, judge
from blender.judging.families import seen_in_training
from blender.judging.labels import read_labels
from blender.judging.one_rater import one_rater
from blender.judging.pools import LabelledPool
from blender.judging.resampling import Interval
from blender.outputs import written_aside
from blender.reading import Task
from blender.serving.judged_run import BLENDER, Policies, policies, read_run
from blender.serving.terminal import plain, shown


def labels_in(path: Path, locale: str = "en") -> list[LabelledPool] | None:
    """The labelled pools of a file, ``None`` if its first row is a dialog to be answered.

    Args:
        path: of the file.
        locale: language of rows that do not say theirs.

    Raises:
        BadInput: the labels are wrong; every problem with its line.
    """
    with path.open("rb") as lines:
        first = next((line.strip() for line in lines if line.strip()), b"")
    try:
        row = msgspec.json.decode(first.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        row = None
    if first.startswith(b"[") or (isinstance(row, dict) and "response" in row):
        return read_labels(path, locale=locale)
    return None


def labelled_tasks(labelled: Sequence[LabelledPool]) -> Iterator[Task]:
    """Labelled pools as tasks, without their labels."""
    for number, each in enumerate(labelled, start=1):
        yield Task(line=number, dialog=each.pool.dialog, candidates=each.pool.candidates, slices=each.slices)


def print_seen(console: Console, labelled: Sequence[LabelledPool], trained_on: Collection[str]) -> None:
    """Say so if the bundle was trained on some of these labels."""
    if seen := seen_in_training(labelled, trained_on):
        console.print(shown(f"This bundle was trained on {', '.join(seen)}: these numbers flatter it."))


def print_standings(console: Console, labelled: list[LabelledPool], answers: Path) -> None:
    """Print a table for all candidates and one for those of machines; keep both beside the answers as JSON."""
    run = read_run(labelled, answers)
    tables: dict[str, Comparison] = {}
    for name, view in (("all candidates", run), ("machine candidates only", run.machine_only())):
        if view is not None:
            scores = {plain(policy): values for policy, values in policies(view).items()}
            tables[name] = judge(view.labelled, scores, reference=BLENDER)
            if not tables[name].contexts:
                flat = f"none of {tables[name].flat:,} contexts has candidates with different labels"
                console.print(f"Head-room recovered, {name}: nothing to compare, {flat}.", soft_wrap=True)
                continue
            console.print(tables[name].table(f"Head-room recovered, {name}"))
            for line in _people(view.labelled, scores):
                console.print(line, soft_wrap=True)
    if run.abstained:
        console.print(f"In {run.abstained} contexts this blender chose none; each counts as a blind choice.")
    _keep(answers.with_name("standings.json"), tables)


def _people(pools: Sequence[LabelledPool], scores: Policies) -> list[str]:
    """What people recover on the same pools, where their own ratings are known."""
    if len({each.dataset for each in pools}) > 1:
        return ["One rater and noise ceiling: not given, the file mixes data sets."]
    try:
        rater = one_rater(pools, {BLENDER: scores[BLENDER]})
        ceiling = noise_ceiling(pools)
    except BadInput as fault:
        return [f"One rater and noise ceiling: not given, {fault}."]
    ours = rater.policies[BLENDER]
    return [
        f"One rater, judged by the others: {_share(rater.recovered)}; {BLENDER} by the same raters: "
        f"{_share(ours.recovered)} (n = {rater.contexts}).",
        f"Noise ceiling: {_share(ceiling.recovered)}: what knowing the true mean labels would recover "
        f"(n = {ceiling.contexts}).",
    ]


def _share(interval: Interval) -> str:
    return f"{100 * interval.value:.1f} % ({100 * interval.low:.1f} to {100 * interval.high:.1f})"


def _keep(path: Path, tables: dict[str, Comparison]) -> None:
    plain = {name: comparison.as_dict() for name, comparison in tables.items()}
    with written_aside(path) as aside:
        aside.write_bytes(msgspec.json.format(msgspec.json.encode(plain)) + b"\n")
