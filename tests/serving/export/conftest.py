from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

WriteLabels = Callable[..., Path]


def label_rows(
    dialogs: int, scores: Sequence[float | None], family: str | None = None, **more: Any
) -> list[dict[str, Any]]:
    """Rows of pools whose answers have these labels; the last answer is a person's."""
    return [
        {
            "dialog_id": f"d{number}",
            "context": [f"Hello, I am number {number} of many.", "Hi!", f"What about {number} boats on the river?"],
            "response": f"Answer {at} about {number} boats{' on the river' * at}.",
            "source": f"system-{at}",
            "source_type": "human" if at == len(scores) - 1 else "generator",
            **({"sensible": score, "specific": score} if score is not None else {"overall": 0.5}),
            **({"family": family} if family else {}),
            **more,
        }
        for number in range(dialogs)
        for at, score in enumerate(scores)
    ]


def write_lines(path: Path, rows: Sequence[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def labels(tmp_path: Path) -> WriteLabels:
    """Writes a label file of ``label_rows``."""

    def write(
        dialogs: int = 4, scores: Sequence[float | None] = (0.2, 0.9, 0.5), name: str = "mine", **more: Any
    ) -> Path:
        return write_lines(tmp_path / f"{name}.jsonl", label_rows(dialogs, scores, **more))

    return write
