"""Small task folders of our own: four clusters, labels and free answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

Write = Callable[..., Path]
Make = Callable[..., list[dict[str, object]]]
COLOURS = ("red", "blue", "green", "white", "black", "brown", "grey", "pink", "gold", "violet", "orange", "silver")
THINGS = ("hat", "boat", "door", "house", "horse", "cup", "coat", "train", "bird", "stone", "chair", "road")


def write_set(folder: Path, cluster: str, task: str, rows: Sequence[dict[str, object]], part: str = "train") -> Path:
    path = folder / cluster / f"{task}.{part}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def made_rows(cluster: str, count: int, start: int = 0) -> list[dict[str, object]]:
    """Rows whose long texts are in no other row."""
    rows: list[dict[str, object]] = []
    for at in range(start, start + count):
        colour, thing = COLOURS[at % 12], THINGS[at // 12 % 12]
        said = f"In {cluster} story number {at} someone saw a {colour} {thing} beside a river."
        row: dict[str, object] = {"id": f"{cluster}-{at}", "input": said, "fields": {"story": said}}
        if cluster == "naming":
            rows.append({**row, "options": None, "answer": thing})
        else:
            rows.append({**row, "options": ["yes", "no"], "answer": ("yes", "no")[at % 2]})
    return rows


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    """Four clusters, two of which are held out together, of one set each: 24 training and 6 test rows."""
    folder = tmp_path / "tasks"
    for cluster in ("naming", "nli", "paraphrase", "topic"):
        write_set(folder, cluster, f"{cluster}_set", made_rows(cluster, 24))
        write_set(folder, cluster, f"{cluster}_set", made_rows(cluster, 6, 24), "test")
    wording = '[naming_set]\ninstruction = "Name the thing that was seen."\ntemplates = ["{story} What was seen?"]\n'
    (folder / "templates.toml").write_text(wording)
    return folder


@pytest.fixture
def real_tasks() -> Path:
    """The 33 sets of ten clusters, beside the project."""
    folder = (Path(__file__).resolve().parents[3] / "../shared/data/tasks").resolve()
    if not folder.is_dir():
        pytest.skip("the task sets are not beside the project (../shared/data/tasks)")
    return folder


@pytest.fixture
def write() -> Write:
    return write_set


@pytest.fixture
def make() -> Make:
    return made_rows
