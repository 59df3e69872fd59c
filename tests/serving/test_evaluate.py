from __future__ import annotations

import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import msgspec
import pytest

from blender.engine import Blender
from blender.errors import BlendError
from blender.reading import read_tasks
from blender.serving.about import made_by
from blender.serving.cli import main
from blender.serving.record import AnswerRecord
from blender.serving.workers import answering
from blender.settings import Settings

DIALOGS = [
    {
        "id": f"d{n}",
        "turns": ["Hi!", "Hello.", f"Tell me of {n} things."],
        "candidates": [f"{n} " * k for k in range(1, 9)],
    }
    for n in range(40)
]
LIMIT = 60_000  # bytes that a file may have where the disk is to be full


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    return path


def records(folder: Path) -> list[AnswerRecord]:
    return [msgspec.json.decode(line, type=AnswerRecord) for line in (folder / "answers.jsonl").open("rb")]


def steady(folder: Path) -> list[bytes]:
    """The lines up to ``seconds``, the one part that differs from run to run."""
    return [line.rpartition(b',"seconds":')[0] for line in (folder / "answers.jsonl").read_bytes().splitlines()]


def run(dialogs: Path, rule: Path, out: Path, *more: str) -> int:
    return main(["evaluate", str(dialogs), "--bundle", str(rule), "--out", str(out), *more])


@pytest.fixture
def dialogs(tmp_path: Path) -> Path:
    return write(tmp_path / "dialogs.jsonl", DIALOGS)


@pytest.fixture
def whole(dialogs: Path, rule: Path, tmp_path: Path) -> Path:
    """The folder of a run that nothing disturbed."""
    assert run(dialogs, rule, tmp_path / "whole") == 0
    return tmp_path / "whole"


def test_one_line_a_dialog_in_the_order_of_the_input(whole: Path) -> None:
    made = records(whole)
    assert [each.id for each in made] == [row["id"] for row in DIALOGS]
    assert all(each.winner == 7 and len(each.pool) == 8 for each in made)
    assert all(each.pool[0].features["length.words"] == 1 for each in made)


def test_batches_change_nothing(whole: Path, dialogs: Path, rule: Path, tmp_path: Path) -> None:
    assert run(dialogs, rule, tmp_path / "alone", "--batch", "1") == 0
    assert steady(tmp_path / "alone") == steady(whole)


@pytest.mark.slow
def test_several_processes_give_the_same_answers_in_the_same_order(
    whole: Path, dialogs: Path, rule: Path, tmp_path: Path
) -> None:
    assert run(dialogs, rule, tmp_path / "two", "--workers", "2", "--batch", "3") == 0
    assert steady(tmp_path / "two") == steady(whole)
    assert (tmp_path / "two" / "run.json").read_bytes() == (whole / "run.json").read_bytes()


@pytest.mark.slow
def test_a_worker_that_cannot_load_says_why(dialogs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text('ranker = {use = "nosuch"}')
    assert run(dialogs, broken, tmp_path / "out", "--workers", "2") == 2
    assert "nosuch" in capsys.readouterr().err


@pytest.mark.slow
def test_a_worker_that_dies_is_told_and_what_was_done_is_kept(
    dialogs: Path, rule: Path, whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with answering(str(rule), None, 2) as answerer, pytest.raises(BlendError, match="ended before its time"):
        tasks = list(read_tasks(dialogs.open("rb"), "dialogs"))
        given = answerer.answer([tasks[:3], tasks[3:6], tasks[6:9], tasks[9:12], tasks[12:15], tasks[15:18]])
        assert len(next(given)) == 3
        for child in active_children():
            child.kill()
        list(given)


@pytest.mark.parametrize("cut", [0, 1, 7_000, 20_001, 10**9])
def test_a_run_goes_on_wherever_it_was_cut(cut: int, whole: Path, dialogs: Path, rule: Path) -> None:
    undisturbed = steady(whole)
    answers = whole / "answers.jsonl"
    answers.write_bytes(answers.read_bytes()[:cut])
    assert run(dialogs, rule, whole) == 0
    assert steady(whole) == undisturbed


def test_a_cut_just_before_the_newline_does_not_repeat_the_line(whole: Path, dialogs: Path, rule: Path) -> None:
    undisturbed = steady(whole)
    answers = whole / "answers.jsonl"
    answers.write_bytes(b"\n".join(answers.read_bytes().splitlines()[:9]))
    assert run(dialogs, rule, whole) == 0
    assert steady(whole) == undisturbed


def test_what_is_done_is_not_done_again(whole: Path, dialogs: Path, rule: Path) -> None:
    before = (whole / "answers.jsonl").read_bytes()
    assert run(dialogs, rule, whole) == 0
    assert (whole / "answers.jsonl").read_bytes() == before  # the seconds too


def test_dialogs_may_be_added_at_the_end(whole: Path, rule: Path, tmp_path: Path) -> None:
    longer = write(tmp_path / "longer.jsonl", [*DIALOGS, {"id": "more", "turns": ["Hi!"], "candidates": ["Hello."]}])
    assert run(longer, rule, whole) == 0
    assert [each.id for each in records(whole)] == [*(row["id"] for row in DIALOGS), "more"]


def test_another_blender_is_refused_and_nothing_lost(
    whole: Path, dialogs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (whole / "answers.jsonl").read_bytes()
    other = tmp_path / "other.toml"
    other.write_text('ranker = {use = "shortest"}\nguards = {}\n')
    assert run(dialogs, other, whole) == 2
    said = capsys.readouterr().err
    assert "these differ: settings" in said and "--fresh" in said
    assert (whole / "answers.jsonl").read_bytes() == before
    assert run(dialogs, other, whole, "--fresh") == 0
    assert {each.winner for each in records(whole)} == {0}


def test_the_fingerprints_cover_annotators_and_settings(rule: Path) -> None:
    settings = Settings.read(rule)
    made = made_by(Blender.of(settings))
    more = made_by(Blender.of(Settings(ranker=settings.ranker, guards=settings.guards, annotators={"overlap": {}})))
    assert made["settings"] != more["settings"]
    assert set(more) - set(made) == {"annotator overlap"}


def test_the_fingerprints_cover_what_files_hold(tmp_path: Path) -> None:
    listed = tmp_path / "words.txt"
    settings = Settings.of({"ranker": {"use": "shortest"}, "guards": {"block_list": {"file": str(listed)}}})
    found = []
    for word in ("darn", "heck"):
        listed.write_text(word)
        found.append(made_by(Blender.of(settings)))
    assert [name for name in found[0] if found[0][name] != found[1][name]] == ["guard block_list"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            [{**DIALOGS[0], "candidates": ["Another."]}, *DIALOGS[1:]],
            "answers.jsonl, line 1, answers 'd0'; the input's line 1",
        ),
        (DIALOGS[:10], "but the input holds 10 dialogs only"),
        ([DIALOGS[1], DIALOGS[0], *DIALOGS[2:]], "answers.jsonl, line 1, answers 'd0'"),
    ],
)
def test_another_input_is_refused(
    changed: list[dict[str, Any]],
    said: str,
    whole: Path,
    rule: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(write(tmp_path / "changed.jsonl", changed), rule, whole) == 2
    assert said in capsys.readouterr().err
    assert len(records(whole)) == len(DIALOGS)


def test_a_broken_line_in_the_midst_is_told(
    whole: Path, dialogs: Path, rule: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = (whole / "answers.jsonl").read_bytes().splitlines(keepends=True)
    (whole / "answers.jsonl").write_bytes(b"".join([*lines[:4], b"rubbish\n", *lines[5:]]))
    assert run(dialogs, rule, whole) == 2
    assert "answers.jsonl, line 5, is no answer" in capsys.readouterr().err


def test_an_id_that_comes_twice_is_refused_before_anything_is_answered(
    rule: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    twice = write(tmp_path / "twice.jsonl", [*DIALOGS, DIALOGS[3]])
    assert run(twice, rule, tmp_path / "out") == 2
    assert "twice.jsonl, line 41: the id 'd3' was used on line 4" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_dialogs_without_candidates_are_answered_from_the_sources(rule: Path, tmp_path: Path) -> None:
    mixed = write(tmp_path / "mixed.jsonl", [{"turns": ["Hi!"]}, DIALOGS[0], {"turns": ["Well?"]}])
    assert run(mixed, rule, tmp_path / "out") == 0
    assert [each.abstained for each in records(tmp_path / "out")] == [
        "no source proposed anything", None, "no source proposed anything"
    ]  # fmt: skip


@pytest.mark.slow
def test_a_full_disk_costs_nothing_done_before(dialogs: Path, rule: Path, whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "full"
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({LIMIT}, {LIMIT}))"
    code = f"{limited}; import sys; from blender.serving.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "evaluate", str(dialogs), "--bundle", str(rule), "--out", str(out)]
    full = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert full.returncode == 2
    assert "What was answered before is kept" in full.stderr and "Traceback" not in full.stderr
    assert (out / "answers.jsonl").stat().st_size == LIMIT
    assert run(dialogs, rule, out) == 0
    assert steady(out) == steady(whole)


def test_a_table_is_refused_once_and_not_line_by_line(
    rule: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "dialogs.csv"
    table.write_text("id,text\n" + "d,Hi!\n" * 50)
    assert run(table, rule, tmp_path / "out") == 2
    said = capsys.readouterr().err
    assert said.count("error:") == 1 and "does not hold JSON lines" in said and "blend sample" in said
    lines = write(tmp_path / "dialogs.txt", DIALOGS[:2])
    assert run(lines, rule, tmp_path / "out") == 0


@pytest.mark.slow
def test_a_pipe_which_could_be_read_once_alone_is_refused(
    rule: Path,
    dialogs: Path,
    piped: Callable[[bytes], Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(piped(dialogs.read_bytes()), rule, tmp_path / "out") == 2
    assert "is a pipe or a device, and is read more than once; write it to a file" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_two_runs_do_not_write_to_one_folder(
    whole: Path, dialogs: Path, rule: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from filelock import FileLock

    with FileLock(whole / ".lock"):
        assert run(dialogs, rule, whole) == 2
    assert "another run is writing" in capsys.readouterr().err


@pytest.mark.slow
def test_a_killed_run_goes_on_without_repeating_or_losing_a_line(
    dialogs: Path, rule: Path, whole: Path, tmp_path: Path
) -> None:
    out = tmp_path / "killed"
    command = [sys.executable, "-m", "blender.serving.cli", "evaluate", str(dialogs), "--bundle", str(rule)]
    command += ["--out", str(out), "--batch", "1"]
    kills = []
    for wanted in (5, 17):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and _lines(out) < wanted:
            time.sleep(0.0005)
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=20)
        kills.append(_lines(out))
    assert all(wanted <= reached < len(DIALOGS) for wanted, reached in zip((5, 17), kills, strict=True)), kills
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    assert steady(out) == steady(whole)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_dialogs(rule: Path, tmp_path: Path) -> None:
    def peak(dialogs: int) -> int:
        numbers = range(1000, 1000 + dialogs)  # of equal length
        rows = [{"turns": f"What is {n}? " + "It matters. " * 200, "candidates": [f"{n} " * 100]} for n in numbers]
        path = write(tmp_path / f"{dialogs}.jsonl", rows)
        del rows
        tracemalloc.start()
        assert run(path, rule, tmp_path / f"out-{dialogs}") == 0
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    peak(20)
    few, many = peak(300), peak(1000)  # by 300, what is remembered of texts is full
    assert many < few + 800_000, (few, many)  # 700 more: 2 MB of input, 2.8 MB of answers


def _lines(folder: Path) -> int:
    try:
        return (folder / "answers.jsonl").read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0
