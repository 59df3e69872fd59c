from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from blender.errors import BlendError
from blender.serving.export.exporting import Request, export_preferences
from blender.serving.export.pairing import PairSettings
from blender.serving.export.rows import Layout
from blender.serving.export.writing import writing


def write_answers(path: Path, dialogs: int) -> Path:
    """Answers as `blend evaluate` writes them."""
    with path.open("w") as out:
        for number in range(dialogs):
            pool: list[dict[str, Any]] = [
                {
                    "text": f"Answer {at} to {number}. " + "word " * 40,
                    "source": "s",
                    "kind": "generator",
                    "origins": ["s"],
                    "value": at / 3,
                    "sensible": None,
                    "specific": None,
                    "blocked": [],
                    "features": {},
                }
                for at in range(3)
            ]
            row = {
                "id": f"d{number}",
                "asked": "",
                "turns": [{"speaker": "human", "text": f"Hi {number}"}],
                "text": "",
                "source": "s",
                "winner": 0,
                "abstained": None,
                "sensible": None,
                "specific": None,
                "why": "",
                "pool": pool,
                "faults": [],
                "notes": [],
                "bundle": "b",
                "seconds": {},
            }
            out.write(json.dumps(row) + "\n")
    return path


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_memory_does_not_grow_with_the_answers(suffix: str, tmp_path: Path) -> None:
    peaks = []
    for dialogs in (500, 500, 2_000):  # the first run pays for imports
        answers = write_answers(tmp_path / "answers.jsonl", dialogs)
        tracemalloc.start()
        request = Request(
            inputs=[answers],
            out=tmp_path / "out",
            by="ranker",
            suffix=suffix,
            pairs=PairSettings(which="all"),
            test_share=0.2,
            overwrite=True,
        )
        account, _ = export_preferences(request, lambda: pytest.fail("nothing is left to judge"))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert account.rows.total() == 3 * dialogs
    assert peaks[2] < 1.6 * peaks[1], "four times as many; full buffers of both sides are allowed for"


def test_nothing_is_left_of_what_was_not_written_whole(tmp_path: Path) -> None:
    old = tmp_path / "train.jsonl"
    old.write_text("old\n")
    schema = Layout().schema
    row = dict.fromkeys(schema.names)
    with pytest.raises(RuntimeError), writing([old, tmp_path / "test.jsonl"], schema) as sinks:
        sinks[0].write(row)
        raise RuntimeError
    assert old.read_text() == "old\n" and [path.name for path in tmp_path.iterdir()] == ["train.jsonl"]
    (tmp_path / "file").write_text("")
    with pytest.raises(BlendError, match="nothing was changed"), writing([tmp_path / "file" / "x.jsonl"], schema):
        pass
