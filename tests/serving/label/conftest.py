from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from blender.labelling.campaign import Campaign
from blender.labelling.store import Store
from blender.serving.cli import main

CONTEXTS = [
    {"id": "d1", "turns": ["Hi!", "Hello.", "Any plans?"], "slices": {"cluster": "1"}},
    {"id": "d2", "turns": ["Do you like tea?"]},
    {"id": "d3", "turns": ["Which year?"]},
]
ANSWERS = {
    "one": {"d1": "Hiking, at Bear Lake.", "d2": "Yes.", "d3": "=1987"},
    "two": {"d1": "I don't know.", "d2": "Yes.", "d3": ""},
}
GOLD = {"context": ["How are you?"], "response": "Lamp.", "sensible": 0, "specific": 0}


def run(*words: object) -> int:
    return main(["label", *map(str, words)])


def lines(path: Path, rows: Sequence[object]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def fired(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a real run: two files of predictions over the same contexts."""
    folder = tmp_path_factory.mktemp("fired")
    contexts = lines(folder / "contexts.jsonl", CONTEXTS)
    systems = []
    for name, answers in ANSWERS.items():
        path = lines(folder / f"{name}.jsonl", [{"id": id, "text": text} for id, text in answers.items()])
        systems += ["--system", f"{name}=file:{path}"]
    assert main(["evaluate", str(contexts), "--out", str(folder / "run"), *systems]) == 0
    return folder / "run"


@pytest.fixture
def job(fired: Path, tmp_path: Path) -> Path:
    """A job made from it: two raters, one gold page, one page repeated."""
    gold = lines(tmp_path / "gold.jsonl", [GOLD])
    made = ["make", fired, "--out", tmp_path / "job", "--raters", 2, "--gold", gold, "--repeat", 0.1, "--name", "try"]
    assert run(*made) == 0
    return tmp_path / "job"


def fill(path: Path, say: Callable[[str], tuple[str, str]]) -> Path:
    """Fill a CSV sheet in, by what the answers say."""
    heads, *rows = csv.reader(io.StringIO(path.read_text("utf-8-sig"), newline=""))
    for row in rows:
        row[heads.index("sensible")], row[heads.index("specific")] = say(row[heads.index("answer")])
    with path.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out, delimiter=";").writerows([heads, *rows])
    return path


def honest(answer: str) -> tuple[str, str]:
    return {"Lamp.": ("0", "0"), "Yes.": ("1", "0"), "I don't know.": ("1", "0")}.get(answer, ("1", "1"))


@pytest.fixture
def sheets(job: Path) -> list[Path]:
    """Two sheets, filled in; bob finds nothing specific."""
    assert run("export", job, "--format", "csv", "--rater", "ann", "--rater", "bob") == 0
    fill(job / "sheets/ann.csv", honest)
    fill(job / "sheets/bob.csv", lambda answer: (honest(answer)[0], "0"))
    return [job / "sheets/ann.csv", job / "sheets/bob.csv"]


def stored(job: Path) -> int:
    store = Store.open(job / "labels.sqlite")
    count = len(store.labels(Campaign.load(job).id))
    store.close()
    return count
