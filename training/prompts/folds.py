"""Leave one cluster of tasks out: neither what is learnt from nor the pool holds anything of what is tested."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from blender.errors import BadInput
from blender.prompts.pool import PromptPool
from blender.prompts.prompt import Prompt
from blender.training.prompts.drawing import in_order
from blender.training.prompts.scoring import Scored
from blender.training.prompts.tasks import LONG, Row, TaskSet
from blender.training.script import check_names
from blender.words import words

TOGETHER = (frozenset({"nli", "paraphrase"}), frozenset({"sentiment", "emotion"}))
"""Clusters so near to each other that each would give the other away."""

_FEW = 3


def held_out_with(cluster: str) -> frozenset[str]:
    """All clusters that are left out where this one is tested."""
    return next((group for group in TOGETHER if cluster in group), frozenset({cluster}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """One tested cluster.

    Attributes:
        cluster: that is tested.
        left_out: clusters that neither pool nor training rows are of.
        rows: test rows, evenly of its sets.
        unlabelled: by set, a few inputs without their answers; none of them is a test row.
    """

    cluster: str
    left_out: frozenset[str]
    rows: tuple[Row, ...]
    unlabelled: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def pool(self, pool: PromptPool) -> PromptPool:
        """The pool without the left-out clusters, and without any prompt that shares a long text with a test row.

        Raises:
            BadInput: nothing would be left.
        """
        apart = pool.without(sorted(self.left_out))
        kept = apart.keep([not _shares(prompt, self.rows) for prompt in apart.prompts])
        if not len(kept):
            raise BadInput(f"every prompt left for testing {self.cluster} shares a text with its test rows")
        return kept

    def own(self, pool: PromptPool) -> PromptPool:
        """The whole pool, training prompts of the tested cluster included: for the row that says so."""
        return pool.keep([not _shares(prompt, self.rows) for prompt in pool.prompts])

    def lessons(self, scored: Iterable[Scored]) -> list[Scored]:
        """Scored rows of other clusters that share no long text with a test row."""
        tested = {text for row in self.rows for text in row.long}
        return [each for each in scored if each.row.cluster not in self.left_out and not each.row.long & tested]


def folds(
    tasks: Sequence[TaskSet], rows: int, seed: int, clusters: Sequence[str] = (), most: int | None = None
) -> list[Fold]:
    """One fold for each cluster.

    Args:
        tasks: all sets.
        rows: to test in each cluster, as evenly over its sets as they have them.
        seed: of the draw.
        clusters: only these; all if empty.
        most: only so many of them.

    Raises:
        UnknownName: there is no such cluster.
        BadInput: there are fewer than two clusters, so nothing would be left to learn from.
    """
    names = sorted({task.cluster for task in tasks})
    check_names("cluster of tasks", clusters, names)
    if len({held_out_with(name) for name in names}) < 2:
        raise BadInput(
            f"leaving a cluster out needs at least two that are not held out together, got {', '.join(names)}; "
            "add sets of another kind"
        )
    return [
        _fold(name, [task for task in tasks if task.cluster == name], rows, seed) for name in (clusters or names)[:most]
    ]


def _fold(cluster: str, tasks: Sequence[TaskSet], count: int, seed: int) -> Fold:
    rows = _even(tasks, count, seed)
    tested = {row.text for row in rows}
    unlabelled = {
        task.task: tuple(row.text for row in in_order(task.train or task.test, seed) if row.text not in tested)[:_FEW]
        for task in tasks
    }
    return Fold(cluster=cluster, left_out=held_out_with(cluster), rows=rows, unlabelled=unlabelled)


def _even(tasks: Sequence[TaskSet], count: int, seed: int) -> tuple[Row, ...]:
    ordered = [in_order(task.test, seed) for task in tasks]
    longest = max((len(rows) for rows in ordered), default=0)
    return tuple([rows[at] for at in range(longest) for rows in ordered if at < len(rows)][:count])


def _shares(prompt: Prompt, rows: Iterable[Row]) -> bool:
    """Whether a long text of a row stands in the prompt, or the prompt's own input in a row."""
    text, own = (" ".join(words(each)) for each in (prompt.text, prompt.row))
    texts = (long for row in rows for long in row.long)
    return any(long in text or (len(own) >= LONG and own in long) for long in texts)
