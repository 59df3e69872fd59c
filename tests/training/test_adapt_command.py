"""`blend adapt` from the shell: a bundle made for length goes on with labels for brevity."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from blender.bundle import load_bundle
from blender.judging.headroom import bootstrap
from blender.serving.cli import main
from blender.training.adapt_command import gains_of
from blender.training.prepare import prepare
from tests.training.conftest import write_labels

pytestmark = pytest.mark.slow
SOURCES = ("alpha", "beta", "delta", "gamma")
UNLIKED = {"sensible": 0, "specific": 0}


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("BLENDER_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle trained on the labels `mine`."""
    folder = tmp_path_factory.mktemp("start")
    trained = ["train", str(write_labels(folder)), "--out", str(folder / "bundle"), "--annotator", "length"]
    assert main(trained) == 0
    return folder / "bundle"


def brief(path: Path) -> Path:
    """The same labels turned round: the shorter the better."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    turned = [row | {"sensible": 1 - row["sensible"], "specific": 1 - row["specific"]} for row in rows]
    path.write_text("\n".join(map(json.dumps, turned)) + "\n", encoding="utf-8")
    return path


def liking(path: Path, liked: str, names: dict[str, str]) -> Path:
    """The same labels of sources called otherwise, of which one alone is any good."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    named = [row | {"source": names.get(row["source"], row["source"])} for row in rows]
    told = [row | dict.fromkeys(("sensible", "specific"), float(row["source"] == liked)) for row in named]
    path.write_text("\n".join(map(json.dumps, told)), encoding="utf-8")
    return path


def test_a_bundle_goes_on_with_labels_of_another_taste(
    start: Path, label_file: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs, out = brief(label_file("theirs", contexts=60, seed=1)), tmp_path / "adapted"
    assert main(["adapt", str(theirs), "--out", str(out), "--blender", str(start)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "theirs:" in said and "of the head-room as it was" in said
    before, after = load_bundle(start), load_bundle(out)
    assert set(after.data) == {"mine.jsonl", "theirs.jsonl"}
    words = before.ranker.linear.columns.index("length.words~z")
    changed = after.ranker.linear.columns.index("length.words~z")
    assert after.ranker.linear.weights[changed] < before.ranker.linear.weights[words]
    assert after.ranker.length_taste < before.ranker.length_taste, "length_free starts from the taste as it is now"


def test_it_may_learn_which_source_is_better(
    start: Path, label_file: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = liking(label_file("theirs", contexts=60, seed=1), "beta", {})
    out, again = tmp_path / "adapted", tmp_path / "again"
    assert main(["adapt", str(theirs), "--out", str(out), "-b", str(start), "--know-sources"]) == 0
    gained = float(capsys.readouterr().out.split("judged on the fifth (")[1].split()[0])
    made, before = load_bundle(out), load_bundle(start)
    assert made.ranker.columns == (*before.ranker.columns, *(f"source.{name}" for name in SOURCES))
    weights = dict(zip(made.ranker.linear.columns, made.ranker.linear.weights.tolist(), strict=True))
    assert max(SOURCES, key=lambda name: weights[f"source.{name}~z"]) == "beta"
    assert f"is meant for these sources: {', '.join(SOURCES)}." in made.card
    assert main(["adapt", str(theirs), "--out", str(again), "-b", str(start)]) == 0
    assert gained > float(capsys.readouterr().out.split("judged on the fifth (")[1].split()[0])


def test_a_ranker_that_knows_sources_may_learn_of_others(
    label_file: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    knowing, out = tmp_path / "knowing", tmp_path / "adapted"
    # Its columns of sources are not the last.
    several = ["--annotator", "source", "--annotator", "length"]
    assert main(["train", str(label_file("mine")), "--out", str(knowing), *several]) == 0
    theirs = liking(label_file("theirs", contexts=60, seed=1), "new bot", {"gamma": "new bot", "delta": "alpha beta"})
    assert main(["adapt", str(theirs), "--out", str(out), "-b", str(knowing), "--know-sources"]) == 0
    assert "100.0 % corrected" in capsys.readouterr().out
    made = load_bundle(out)
    assert made.annotators["source"]["names"] == [*SOURCES, "alpha beta", "new bot"]
    columns = [f"source.{name}" for name in (*SOURCES, "alpha_beta", "new_bot")]
    assert made.columns == (*columns, *load_bundle(knowing).columns[len(SOURCES) :])


def test_the_sources_that_matter_may_be_named_in_a_settings_file(
    start: Path, label_file: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = label_file("theirs", seed=1)
    rows = [json.loads(line) for line in theirs.read_text().splitlines()]
    many = [row | {"source": f"worker {at % 70}"} for at, row in enumerate(rows)]
    theirs.write_text("\n".join(map(json.dumps, many)), encoding="utf-8")
    mine = tmp_path / "mine.toml"
    mine.write_text(f'bundle = "{start}"\n')
    call = ["adapt", str(theirs), "--out", str(tmp_path / "adapted"), "-b", str(mine), "--know-sources"]
    assert main(call) == 2
    assert "64 sources, got 70" in capsys.readouterr().err
    mine.write_text(f'bundle = "{start}"\n[annotators.source]\nnames = ["worker 7", "worker 1"]\n')
    assert main(call) == 0
    assert load_bundle(tmp_path / "adapted").columns[-2:] == ("source.worker_7", "source.worker_1")


def test_labels_that_name_no_source_have_none_to_know(
    start: Path, label_file: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = label_file("theirs", seed=1)
    rows = [json.loads(line) for line in theirs.read_text().splitlines()]
    theirs.write_text("\n".join(json.dumps(row | {"source": None}) for row in rows), encoding="utf-8")
    assert main(["adapt", str(theirs), "--out", str(tmp_path / "c"), "-b", str(start), "--know-sources"]) == 2
    assert "all labelled answers are of 'given' ('given' where a row names none)" in capsys.readouterr().err
    assert not (tmp_path / "c").exists()


def test_labels_that_the_bundle_saw_are_refused(
    start: Path, label_file: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["adapt", str(label_file("mine")), "--out", str(tmp_path / "c"), "--blender", str(start)]) == 2
    assert "trained on mine.jsonl; give" in capsys.readouterr().err


def test_a_part_of_a_public_set_that_the_bundle_saw_is_refused(
    label_file: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    part = label_file("usr-personachat")
    assert main(["adapt", str(part), "--out", str(tmp_path / "new"), "-b", "fast"]) == 2
    said = capsys.readouterr().err
    assert "trained on personachat (it goes by their names: rename what holds other conversations); give" in said


def test_columns_of_users_need_not_be_the_same(
    label_file: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = label_file("mine")
    rows = [json.loads(line) for line in mine.read_text().splitlines()]
    mine.write_text("\n".join(json.dumps(row | {"features": {"clicks": at % 7}}) for at, row in enumerate(rows)))
    assert main(["train", str(mine), "--out", str(tmp_path / "b"), "--annotator", "length"]) == 0
    plain, level = label_file("plain", seed=1), label_file("level", level=True)
    call = ["adapt", str(plain), str(level), "--out", str(tmp_path / "c"), "--blender", str(tmp_path / "b")]
    assert main(call) == 0
    assert load_bundle(tmp_path / "c").ranker.columns == load_bundle(tmp_path / "b").ranker.columns
    said = " ".join(capsys.readouterr().out.split())
    assert "level: no answer is better than another" in said and "nan" not in said


def test_an_annotator_that_is_not_that_of_the_bundle_is_refused(
    start: Path,
    label_file: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    theirs = label_file("theirs", seed=1)
    monkeypatch.setattr("blender.features.length.Length.fingerprint", "of another version")
    assert main(["adapt", str(theirs), "--out", str(tmp_path / "new"), "--blender", str(start)]) == 2
    assert "'length' is not the one the ranker was trained with" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_contexts_of_a_conversation_are_drawn_together(label_file: Callable[..., Path], tmp_path: Path) -> None:
    path = label_file("mine", contexts=40)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    chats = [row | {"slices": {"dialog": str(at // 40)}} for at, row in enumerate(rows)]  # ten contexts of four answers
    path.write_text("\n".join(map(json.dumps, chats)))
    prepared = prepare([path], tmp_path / "cache", annotators={"length": {}}, quiet=True)
    gained = np.repeat([0.0, 0.1, 0.2, 0.3], 10)
    found = gains_of(prepared, {"mine": np.zeros(40)}, {"mine": gained})["mine"]
    assert found == bootstrap(gained, units=np.repeat(range(4), 10).tolist())
    assert found.high - found.low > 1.5 * (bootstrap(gained).high - bootstrap(gained).low)


def test_of_labels_that_judge_nothing_no_verdict_is_given(
    start: Path, label_file: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = label_file("theirs", seed=1)
    rows = [json.loads(line) for line in theirs.read_text().splitlines()]
    people = [
        row | ({"source_type": "human", "sensible": 1, "specific": 1} if row["source"] == "alpha" else UNLIKED)
        for row in rows
    ]
    theirs.write_text("\n".join(map(json.dumps, people)))
    assert main(["adapt", str(theirs), "--out", str(tmp_path / "new"), "--blender", str(start)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Nothing could be judged" in said and "keep the old one" not in said
