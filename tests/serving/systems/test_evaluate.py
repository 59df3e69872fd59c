from __future__ import annotations

import signal
import subprocess
import sys
import time
from errno import ENOSPC
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from blender.errors import BadInput
from blender.serving.cli import main
from blender.serving.record import AnswerRecord
from blender.serving.systems.run import read_note, read_records, read_run
from blender.serving.systems.summary import Fared, _table


def run(dialogs: Path, out: Path, *more: str) -> int:
    return main(["evaluate", str(dialogs), "--out", str(out), *more])


def system(name: str, spec: object) -> tuple[str, str]:
    return "--system", f"{name}={spec}"


def steady(folder: Path, name: str) -> list[bytes]:
    """The lines up to ``seconds``, the one part that differs from run to run."""
    path = folder / "systems" / name / "answers.jsonl"
    return [line.rpartition(b',"seconds":')[0] for line in path.read_bytes().splitlines()]


@pytest.fixture
def predictions(tmp_path: Path) -> Path:
    path = tmp_path / "preds.csv"
    path.write_text("id,text\n" + "".join(f"d{n},Prediction {n}.\n" for n in range(12)))
    return path


def test_several_systems_answer_the_same_dialogs(
    dialogs: Path, settings: Path, predictions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    given = [*system("all", settings), *system("curt", f"{settings}#curt"), *system("old", f"file:{predictions}")]
    assert run(dialogs, out, *given) == 0
    answered = read_run(out)
    assert [(each.dialog.id, each.system) for each in answered] == [
        (f"d{n}", name) for n in range(12) for name in ("all", "curt", "old")
    ]
    assert {each.text for each in answered if each.system == "all"} == {"You are welcome to it, my dear."}  # longest
    assert {each.text for each in answered if each.system == "curt"} == {"No."}
    assert [each.text for each in answered if each.system == "old"] == [f"Prediction {n}." for n in range(12)]
    assert {each.kind for each in answered if each.system == "old"} == {"unknown"}
    assert {each.kind for each in answered if each.system == "curt"} == {"canned"}
    assert answered[0].slices == {"cluster": "0", "length": "2-3 turns", "language": "en"}
    assert answered[0].dialog.texts == ("Hi!", "Hello.", "Tell me of 0 things.")
    assert {name: note.kind for name, note in read_note(out).systems.items()} == {
        "all": "blender", "curt": "source", "old": "file"
    }  # fmt: skip
    shown = capsys.readouterr().out.splitlines()
    row = next(line for line in shown if line.strip().startswith("old"))
    assert row.split() == ["old", "12", "–", "–", "–", "0", "0", "0", "0"]  # how long it took is not known


@pytest.mark.slow
def test_a_system_that_failed_everywhere_makes_the_run_fail(
    dialogs: Path, server: Any, settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.refuse = {f"Tell me of {n} things." for n in range(12)}
    given = [*system("net", f"api:{server.url}#tiny"), *system("curt", f"{settings}#curt")]
    assert run(dialogs, tmp_path / "run", *given) == 2
    told = capsys.readouterr()
    assert "of net every answer failed" in told.err
    assert "curt" in told.out and len(read_run(tmp_path / "run")) == 24  # what is there is shown, and kept


@pytest.mark.slow
def test_a_server_is_asked_with_several_dialogs_at_once_and_paid_for(
    dialogs: Path, server: Any, settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    server.wait = 0.05
    spec = f"api:{server.url}#tiny?price_in=1&price_out=2&parallel=3"
    assert run(dialogs, out, *system("net", spec), *system("curt", f"{settings}#curt")) == 0
    answers = [each for each in read_run(out) if each.system == "net"]
    assert [each.text for each in answers] == [f"tiny heard: Tell me of {n} things." for n in range(12)]
    assert all(each.cost == pytest.approx((1_000 + 2 * 500) / 1e6) for each in answers)
    assert server.most_at_once == 3
    assert all(0.05 <= each.seconds < 5 for each in answers)
    shown = capsys.readouterr().out
    assert f"{12 * 0.002:.6f}" in shown and "money of the prices" in shown


@pytest.mark.slow
def test_a_dialog_that_a_server_refuses_costs_that_dialog_alone(
    dialogs: Path, server: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    server.refuse.add("Tell me of 5 things.")
    assert run(dialogs, out, *system("net", f"api:{server.url}#tiny?retries=0")) == 0
    records = list(read_records(out, "net"))
    assert [record.text == "" for record in records] == [n == 5 for n in range(12)]
    assert records[5].faults[0].part == "system" and "refused: 400" in records[5].faults[0].detail
    assert sorted(server.asked) == sorted(f"Tell me of {n} things." for n in range(12)), "nobody was asked twice"
    shown = capsys.readouterr().out
    assert "--fresh with only the systems net" in shown
    assert "net: fault in 1 answers: system tiny raised: BlendError" in shown and "no, never" in shown


@pytest.mark.slow
def test_two_servers_are_asked_at_the_same_time(dialogs: Path, server: Any, tmp_path: Path) -> None:
    server.wait = 0.1
    specs = [system(name, f"api:{server.url}#{name}?parallel=1") for name in ("one", "two", "three")]
    assert run(dialogs, tmp_path / "run", *(part for each in specs for part in each)) == 0
    assert server.most_at_once == 3


@pytest.mark.parametrize("cut", [0, 1, 700, 1_501, 10**9])
def test_a_run_goes_on_wherever_a_system_was_cut(
    cut: int, dialogs: Path, settings: Path, predictions: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    given = [*system("curt", f"{settings}#curt"), *system("old", f"file:{predictions}")]
    assert run(dialogs, out, *given) == 0
    whole = steady(out, "curt"), steady(out, "old")
    answers = out / "systems" / "curt" / "answers.jsonl"
    answers.write_bytes(answers.read_bytes()[:cut])
    assert run(dialogs, out, *given) == 0
    assert (steady(out, "curt"), steady(out, "old")) == whole


@pytest.mark.slow
def test_a_killed_run_goes_on_and_no_answer_is_paid_twice(dialogs: Path, server: Any, tmp_path: Path) -> None:
    out = tmp_path / "run"
    server.wait = 0.05
    command = [sys.executable, "-m", "blender.serving.cli", "evaluate", str(dialogs), "--out", str(out), "--batch", "1"]
    command += [*system("one", f"api:{server.url}#one"), *system("two", f"api:{server.url}#two")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and _lines(out, "one") < 4:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait(20)
    written = _lines(out, "one") + _lines(out, "two")
    assert 4 <= written < 24
    server.asked.clear()
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    assert len(server.asked) == 24 - written
    assert [each.text for each in read_run(out)] == [
        f"{name} heard: Tell me of {n} things." for n in range(12) for name in ("one", "two")
    ]


def test_systems_may_join_a_run_and_dialogs_its_end(
    dialogs: Path, settings: Path, predictions: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    assert run(dialogs, out, *system("curt", f"{settings}#curt")) == 0
    before = steady(out, "curt")
    assert run(dialogs, out, *system("polite", f"{settings}#polite")) == 0
    assert list(read_note(out).systems) == ["curt", "polite"]
    assert steady(out, "curt") == before
    with dialogs.open("ab") as more:
        more.write(b'{"id": "late", "turns": "Well?"}\n')
    assert run(dialogs, out, *system("curt", f"{settings}#curt")) == 0
    with pytest.raises(BadInput, match="polite has answered 12 of 13 contexts"):
        read_run(out)
    assert run(dialogs, out, *system("polite", f"{settings}#polite")) == 0
    assert [each.dialog.id for each in read_run(out)][-2:] == ["late", "late"]


def test_another_spec_under_the_same_name_is_refused_and_nothing_lost(
    dialogs: Path, settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert run(dialogs, out, *system("x", f"{settings}#curt"), *system("y", f"{settings}#curt")) == 0
    before, note = steady(out, "x"), (out / "run.json").read_bytes()
    assert run(dialogs, out, *system("x", f"{settings}#polite")) == 2
    assert "these differ: settings" in capsys.readouterr().err
    assert (steady(out, "x"), (out / "run.json").read_bytes()) == (before, note)
    assert run(dialogs, out, *system("x", f"{settings}#polite"), "--fresh") == 0
    assert {each.text for each in read_run(out) if each.system == "x"} == {"Thank you for asking!"}
    assert {each.text for each in read_run(out) if each.system == "y"} == {"No."}, "the other system stays"


def test_other_dialogs_are_refused_and_nothing_lost(
    dialogs: Path, settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    given = [*system("x", f"{settings}#curt"), *system("y", f"{settings}#polite")]
    assert run(dialogs, out, *given) == 0
    contexts, before = (out / "contexts.jsonl").read_bytes(), steady(out, "x")
    dialogs.write_bytes(b"".join(dialogs.read_bytes().splitlines(keepends=True)[1:]))
    for more in ((), ("--fresh",)):
        assert run(dialogs, out, *given[:2], *more) == 2
        assert "to other dialogs" in capsys.readouterr().err
        assert ((out / "contexts.jsonl").read_bytes(), steady(out, "x")) == (contexts, before)
        assert not list(out.glob("*.making"))
    assert run(dialogs, out, *given, "--fresh") == 0
    assert len(read_run(out)) == 22


def test_candidates_and_labels_of_the_input_are_not_answers(settings: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.jsonl"
    rows = [{"dialog_id": "q", "context": ["Hi!"], "response": text, "sensible": 1.0} for text in ("Good.", "Bad.")]
    labels.write_bytes(b"\n".join(map(msgspec.json.encode, rows)))
    assert run(labels, tmp_path / "run", *system("x", f"{settings}#curt")) == 0
    assert [(each.dialog.id, each.text) for each in read_run(tmp_path / "run")] == [("q", "No.")]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--turns", "2"), "add --system NAME=SPEC"),
        (("--partner", "x"), "add --system NAME=SPEC"),
        (("--system", "x=default", "--blender", "russian"), "exclude each other"),
        (("--system", "x=default", "--partner", "x"), "add --turns 2"),
        (("--system", "x=default", "--workers", "2"), "--workers is for one blender"),
        (("--system", "x=default", "--turns", "2", "--partner", "y"), "--partner must be one of the systems given (x)"),
    ],
)
def test_options_that_do_not_go_together(
    more: tuple[str, ...], says: str, dialogs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(dialogs, tmp_path / "run", *more) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_run_of_one_blender_is_no_run_of_systems(
    dialogs: Path, settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(dialogs, tmp_path / "run", "--blender", str(settings)) == 0
    with pytest.raises(BadInput, match="the run of a single blender"):
        read_run(tmp_path / "run")
    assert run(dialogs, tmp_path / "run", *system("x", f"{settings}#curt")) == 2
    assert "the run of a single blender" in capsys.readouterr().err
    with pytest.raises(BadInput, match="cannot be read"):
        read_run(tmp_path / "nowhere")


def test_answers_that_were_really_said_next_are_told(
    settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dialogs = tmp_path / "known.jsonl"
    rows = [
        {"id": "a", "turns": "Hi!", "reference": "thank you, for asking"},
        {"id": "b", "turns": "Hi!", "reference": "No"},
    ]
    dialogs.write_bytes(b"\n".join(map(msgspec.json.encode, rows)))
    assert run(dialogs, tmp_path / "run", *system("x", f"{settings}#polite"), *system("y", f"{settings}#curt")) == 0
    shown = capsys.readouterr().out
    assert "x: 1 of 2 answers are word for word what was really said next" in shown
    assert "y: 1 of 2" not in shown, "a word or two may be said by chance"


def test_the_table_of_systems_is_whole_in_eighty_columns(capsys: pytest.CaptureFixture[str]) -> None:
    Console(width=80).print(_table({"a-long-name-of-a-system": Fared(seconds=[0.5], cost=0.25)}, turns=2))
    shown = capsys.readouterr().out
    assert all(head in shown for head in ("dialogs", "answers", "abstained", "failed", "faults", "0.250000"))


def test_contexts_that_cannot_be_kept_leave_nothing_and_say_where(
    dialogs: Path,
    predictions: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(_: object) -> None:
        raise OSError(ENOSPC, "No space left on device")

    monkeypatch.setattr("blender.serving.systems.folder.task_row", full)
    assert run(dialogs, tmp_path / "run", *system("x", f"file:{predictions}")) == 2
    said = capsys.readouterr().err
    assert f"cannot write to {tmp_path / 'run'}: No space left" in said and "make room" in said
    assert [path.name for path in (tmp_path / "run").iterdir()] == [".lock"]


def test_a_broken_line_is_told_with_its_place(
    dialogs: Path, settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = system("x", f"{settings}#curt")
    assert run(dialogs, tmp_path / "run", *given) == 0
    answers = tmp_path / "run" / "systems" / "x" / "answers.jsonl"
    lines = answers.read_bytes().splitlines(keepends=True)
    answers.write_bytes(b"".join([*lines[:3], b"rubbish\n", *lines[4:]]))
    assert run(dialogs, tmp_path / "run", *given) == 2
    assert "answers.jsonl, line 4, is no answer" in capsys.readouterr().err
    with pytest.raises(BadInput, match="line 4, is no answer"):
        read_run(tmp_path / "run")


def test_a_single_blenders_records_keep_the_slices(dialogs: Path, settings: Path, tmp_path: Path) -> None:
    assert run(dialogs, tmp_path / "run", "--blender", str(settings)) == 0
    lines = (tmp_path / "run" / "answers.jsonl").read_bytes().splitlines()
    assert msgspec.json.decode(lines[1], type=AnswerRecord).slices == {"cluster": "1"}


def _lines(folder: Path, name: str) -> int:
    try:
        return (folder / "systems" / name / "answers.jsonl").read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0
