"""`blend base review`: which phrases an editor should look at, and the summary in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.table import Table

from blender.index.base import PhraseBase
from blender.index.scores import BaseScores
from blender.serving.base.reasons import (
    BLAND,
    STRANGE,
    Kind,
    Reason,
    near_duplicates,
    never_chosen,
    outstanding,
)
from blender.serving.base.runs import Use, used
from blender.serving.terminal import messages, output, shown

_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What was found.

    Attributes:
        scores: of the base.
        reasons: kind after kind, the strongest first.
        use: how often phrases were proposed and chosen; ``None`` if no runs were given.
    """

    scores: BaseScores
    reasons: tuple[Reason, ...]
    use: Use | None


def reviewed(base: PhraseBase, answers: Sequence[Path], most: int, near: float) -> Review:
    """Look for phrases of every kind.

    Raises:
        BadBase: the base has no scores of its present state.
        BadInput: a run cannot be read, or proposed no phrase of the base.
    """
    scores = BaseScores.open(base)
    use = used(base.contents.phrases["text"].to_pylist(), answers) if answers else None
    reasons = [
        *outstanding(scores, "bland", BLAND, most),
        *outstanding(scores, "strange", STRANGE, most),
        *near_duplicates(base, near, most, "comparing phrases"),
        *(never_chosen(use, most) if use else ()),
    ]
    return Review(scores=scores, reasons=tuple(reasons), use=use)


def print_review(base: PhraseBase, found: Review) -> None:
    """A table a kind with its first phrases, and what could not be looked for."""
    kinds: tuple[Kind, ...] = ("bland", "strange", "near-duplicate", "never chosen")
    for kind in kinds:
        some = [reason for reason in found.reasons if reason.kind == kind]
        if some:
            output().print(_table(base, kind, some))
    for kind, by in (("bland", BLAND), ("strange", STRANGE)):
        if not any(column in found.scores.columns for column in by):
            messages().print(f"No {kind} phrases without one of the columns {', '.join(by)}: score the base with them.")
    if found.use is None:
        messages().print("Never-chosen phrases are found from runs: --answers RUN, a folder of `blend evaluate`.")
    else:
        silent = int((found.use.proposed == 0).sum())
        messages().print(f"{silent:,} of {len(base):,} phrases were proposed in none of {found.use.dialogs:,} dialogs.")


def _table(base: PhraseBase, kind: str, some: Sequence[Reason]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title=f"{kind}: {min(_SHOWN, len(some))} of {len(some):,}", title_justify="left")
    table.add_column("phrase", overflow="fold", ratio=3)
    table.add_column("why", overflow="fold", ratio=2)
    texts = base.contents.phrases["text"]
    for reason in some[:_SHOWN]:
        table.add_row(shown(texts[reason.row].as_py()), shown(reason.detail, "dim"))
    return table
