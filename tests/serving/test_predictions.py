from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest

from blender.baselines import Longest
from blender.engine import Blender
from blender.errors import BadInput, BlendError
from blender.matrix import FeatureMatrix
from blender.records import Candidate, Dialog, Pool
from blender.roles import Scores
from blender.serving.cli import main
from blender.serving.predict_command import _table as table_of
from blender.serving.predictions import Prediction, predict, read_predictions
from blender.settings import Settings

POOLS = [
    Pool.of(Dialog.of(f"Tell me of {n} things.", id=f"d{n}"), [f"Number {k} of {n}." for k in range(3)])
    for n in range(10)
]


@pytest.fixture
def whole(blender: Blender, tmp_path: Path) -> Path:
    path = tmp_path / "whole" / "predictions.jsonl"
    predict(POOLS, blender, path)
    return path


@pytest.fixture
def sure(monkeypatch: pytest.MonkeyPatch, rule: Path) -> Path:
    """The settings file whose rule gives probabilities, too: always one half."""
    plain = Longest.score

    def score(self: Longest, matrix: FeatureMatrix, pools: Sequence[Pool]) -> Scores:
        value = plain(self, matrix, pools).value
        half = np.full_like(value, 0.5)
        return Scores(value=value, sensible=half, specific=half)

    monkeypatch.setattr(Longest, "score", score)
    return rule


def test_every_distinct_answer_is_predicted_once(blender: Blender, tmp_path: Path) -> None:
    pool = Pool.of(Dialog.of("Hi!", id="d"), ["Yes.", "", "No.", "Yes.", "  "])
    path = tmp_path / "p.jsonl"
    predict([pool, Pool(dialog=Dialog.of("Hi!", id="empty"))], blender, path)
    made, found = read_predictions(path)
    assert list(found) == [("d", "Yes."), ("d", "No.")]
    assert found["d", "Yes."].features["length.words"] == 1
    assert found["d", "Yes."].sensible is None, "a rule gives no probabilities"
    assert "settings" in made and not any(name.startswith("source ") for name in made)


@pytest.mark.parametrize("cut", [0, 5, 120, 400, 1_500, 3_000, 10**9])
def test_predicting_goes_on_wherever_it_was_cut(cut: int, whole: Path, blender: Blender) -> None:
    undisturbed = whole.read_bytes()
    whole.write_bytes(undisturbed[:cut])
    predict(POOLS, blender, whole, batch=3)
    assert whole.read_bytes() == undisturbed


def test_what_is_done_is_not_done_again(whole: Path, blender: Blender, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = whole.read_bytes().splitlines(keepends=True)
    whole.write_bytes(b"".join(lines[: 1 + 3 * 7 + 1]))  # seven whole pools and a third of one
    asked: list[str] = []
    real = Blender.choose_pools

    def choose(self: Blender, pools: list[Pool]) -> object:
        asked.extend(pool.dialog.id for pool in pools)
        return real(self, pools)

    monkeypatch.setattr(Blender, "choose_pools", choose)
    predict(POOLS, blender, whole)
    assert asked == ["d7", "d8", "d9"]
    assert whole.read_bytes() == b"".join(lines)


def test_more_pools_may_follow(whole: Path, blender: Blender) -> None:
    more = Pool.of(Dialog.of("And?", id="more"), ["Then."])
    predict([*POOLS, more], blender, whole)
    assert len(read_predictions(whole)[1]) == 31


@pytest.mark.parametrize(
    "changed",
    [
        POOLS[:5],
        POOLS[1:],
        [Pool.of(Dialog.of("Another.", id="d0"), POOLS[0].texts), *POOLS[1:]],
        [Pool.of(POOLS[0].dialog, ["Another."]), *POOLS[1:]],
    ],
)
def test_other_pools_are_refused_and_nothing_lost(changed: list[Pool], whole: Path, blender: Blender) -> None:
    before = whole.read_bytes()
    with pytest.raises(BadInput, match="--fresh"):
        predict(changed, blender, whole)
    assert whole.read_bytes() == before
    predict(changed, blender, whole, fresh=True)
    assert len(read_predictions(whole)[1]) == sum(map(len, changed))


@pytest.mark.parametrize("words", [(), ("--fresh",)])
@pytest.mark.parametrize("of", ["pools", "notes"])
def test_what_is_no_file_of_predictions_is_never_lost(
    words: tuple[str, ...], of: str, sure: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {"pools": '{"id": "a", "turns": "Hi!", "candidates": ["Yes.", "No."]}', "notes": "no line ends here"}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    given = ["predict", str(tmp_path / "pools"), "--blender", str(sure), "--out", str(tmp_path / of), *words]
    assert main(given) == 2
    assert "would be lost" in capsys.readouterr().err
    assert {name: (tmp_path / name).read_text() for name in files} == files


def test_a_line_cut_by_a_kill_is_not_said_to_need_a_new_beginning(whole: Path) -> None:
    whole.write_bytes(whole.read_bytes()[:-20])
    with pytest.raises(BadInput, match="again as it was run, it goes on from there"):
        read_predictions(whole)


def test_another_blender_is_refused(whole: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text('ranker = {use = "shortest"}\nguards = {}\n')
    with pytest.raises(BlendError, match="these differ: settings"):
        predict(POOLS, Blender.of(Settings.read(other)), whole)


def test_ids_of_two_pools_must_differ(blender: Blender, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="'d0' comes with two pools"):
        predict([*POOLS, POOLS[0]], blender, tmp_path / "p.jsonl")


def test_a_broken_file_is_told_with_its_lines(whole: Path, tmp_path: Path) -> None:
    lines = whole.read_bytes().splitlines(keepends=True)
    whole.write_bytes(b"".join([*lines[:3], b"rubbish\n", *lines[4:6], b'{"dialog": 1}\n']))
    with pytest.raises(BadInput) as caught:
        read_predictions(whole)
    assert ["line 4" in caught.value.problems[0], "line 7" in caught.value.problems[1]] == [True, True]
    whole.write_bytes(b"".join(lines[1:]))
    with pytest.raises(BadInput, match="no file of predictions"):
        read_predictions(whole)
    with pytest.raises(BadInput, match="cannot be read"):
        read_predictions(tmp_path / "none.jsonl")


def test_the_command_predicts_labelled_rows_without_looking_at_the_labels(
    sure: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def predicted(sensible: float, name: str) -> bytes:
        labels, out = tmp_path / "labels.jsonl", tmp_path / name
        rows = [
            {"dialog_id": f"q{n}", "context": ["Hi!"], "response": text, "source": source, "sensible": sensible}
            for n in range(4)
            for source, text in (("one", f"Yes {n}."), ("two", f"No {n}."))
        ]
        labels.write_bytes(b"\n".join(map(msgspec.json.encode, rows)))
        assert main(["predict", str(labels), "--blender", str(sure), "--out", str(out)]) == 0
        return out.read_bytes()

    assert predicted(0.0, "a.jsonl") == predicted(1.0, "b.jsonl")
    shown = capsys.readouterr().out
    assert "predicted SSA" in shown and "0.500" in shown and "not labels" in shown
    assert main(["predict", str(tmp_path / "labels.jsonl"), "--blender", str(sure)]) == 2
    assert "--out is needed" in capsys.readouterr().err


def test_the_command_takes_pools_and_refuses_dialogs(
    sure: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pools, out = tmp_path / "pools.jsonl", tmp_path / "p.jsonl"
    pools.write_bytes(b'{"id": "a", "turns": "Hi!", "candidates": ["Yes.", "No."]}\n')
    assert main(["predict", str(pools), "--blender", str(sure), "--out", str(out)]) == 0
    assert len(read_predictions(out)[1]) == 2
    pools.write_bytes(b'{"id": "a", "turns": "Hi!"}\n')
    assert main(["predict", str(pools), "--blender", str(sure), "--out", str(out)]) == 2
    assert "candidates are missing" in capsys.readouterr().err


def test_a_ranker_without_probabilities_is_refused_before_the_work(
    rule: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pools, out = tmp_path / "pools.jsonl", tmp_path / "p.jsonl"
    pools.write_bytes(b'{"id": "a", "turns": "Hi!", "candidates": ["Yes.", "No."]}\n')
    assert main(["predict", str(pools), "--blender", str(rule), "--out", str(out)]) == 2
    assert "gives neither P(sensible) nor P(specific)" in capsys.readouterr().err
    assert not out.exists()


def test_a_silent_system_is_not_predicted_to_be_good(tmp_path: Path) -> None:
    dialogs = [Dialog.of("Hi!", id=f"d{n}") for n in range(4)]
    given = [(dialog, Candidate(text="Hello." if n else " ", source="quiet")) for n, dialog in enumerate(dialogs)]
    one = Prediction(dialog="", text="Hello.", sensible=0.8, specific=0.4, value=None, blocked=[], features={})
    lines = [{"made_by": {}}, *(msgspec.structs.replace(one, dialog=dialog.id) for dialog in dialogs[1:])]
    path = tmp_path / "p.jsonl"
    path.write_bytes(b"\n".join(map(msgspec.json.encode, lines)))
    row = [next(iter(column.cells)) for column in table_of(given, path).columns]
    assert row == ["quiet", "4", "1", "0.600", "0.300", "0.450"]


@pytest.mark.slow
def test_the_default_blenders_heads_prefer_sense(tmp_path: Path) -> None:
    pools, out = tmp_path / "pools.jsonl", tmp_path / "p.jsonl"
    good, bad = "The loop around Bear Lake is easy and the view is great.", "Purple the of seven sleeps banana."
    row = {"id": "a", "turns": ["Hi!", "I hike a lot.", "Any trail you would recommend?"], "candidates": [good, bad]}
    pools.write_bytes(msgspec.json.encode(row))
    assert main(["predict", str(pools), "--out", str(out)]) == 0
    found = read_predictions(out)[1]
    chances = [found["a", text].sensible for text in (good, bad)]
    assert all(chance is not None and 0 <= chance <= 1 for chance in chances)
    assert chances[0] is not None and chances[1] is not None and chances[0] > chances[1] + 0.1


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="the system has no folder in which no file can be made")
def test_a_place_that_cannot_be_written_is_not_taken_for_another_run(blender: Blender) -> None:
    with pytest.raises(BlendError, match=r"cannot write /proc/predictions\.jsonl: No such file or directory"):
        predict(POOLS, blender, Path("/proc/predictions.jsonl"))
