"""`blend base apply`: an editor's decisions into the base."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from blender.index.base import PhraseBase
from blender.index.build import remove
from blender.index.decisions import add_kept
from blender.index.publishing import carry_over
from blender.index.scores import BaseScores
from blender.serving.base.returned import read_sheets
from blender.serving.base.sheet import DROP, KEEP


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What was done: phrases dropped, kept and left, and whether the scores fit what is left."""

    dropped: int
    kept: int
    left: int
    scores: Literal["none", "carried over", "lost"]


def apply_decisions(folder: Path, sheets: Sequence[Path]) -> Applied:
    """Remove the phrases to drop, note those to keep; the scores of what stays are carried over, no model is loaded.

    Raises:
        BadBase: there is no base, it is broken or cannot be written.
        BadInput: anything is wrong with the sheets; nothing is changed then.
    """
    base = PhraseBase.open(folder)
    texts: list[str] = base.contents.phrases["text"].to_pylist()
    decided = {each.text: each.decision for each in read_sheets(sheets, texts)}
    drop = [text for text, decision in decided.items() if decision == DROP]
    keep = [text for text, decision in decided.items() if decision == KEEP]
    scores = BaseScores.find(base)
    if keep:
        add_kept(base.folder, keep)  # first: once phrases are removed, the sheet cannot be applied again
    dropped = remove(folder, drop) if drop else 0
    if drop:
        add_kept(base.folder, (), gone=drop)
    left = PhraseBase.open(folder)
    state: Literal["none", "carried over", "lost"] = "none"
    if scores is not None:
        state = "carried over" if not drop or carry_over(scores, texts, left) else "lost"
    return Applied(dropped=dropped, kept=len(keep), left=len(left), scores=state)
