from __future__ import annotations

from typing import Any

from blender.judging.pools import LabelledPool, judged
from blender.records import Candidate, Dialog, Pool

Label = tuple[float | None, float | None]


def pool(id: str, labels: dict[str, Label], *, turns: int = 1, **more: Any) -> LabelledPool:
    """One context with an answer of each system: (sensible, specific)."""
    dialog = Dialog.of([f"turn {at}" for at in range(turns)], id=id)
    return LabelledPool(
        pool=Pool.of(dialog, [Candidate(text=f"{name} {id}", source=name, kind="generator") for name in labels]),
        dataset="s",
        family="s",
        sensible=judged([s for s, _ in labels.values()]),
        specific=judged([c for _, c in labels.values()]),
        overall=judged([None] * len(labels)),
        **more,
    )
