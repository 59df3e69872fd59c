from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from blender.errors import BadInput, UnknownName
from blender.serving import cli

BLEND = [sys.executable, "-m", "blender.serving.cli"]


def run(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run([*BLEND, *arguments], input=text, capture_output=True, text=True, timeout=60, check=False)


def test_help_lists_every_command_and_imports_none_of_them() -> None:
    code = (
        "import sys\nfrom blender.serving.cli import main\nmain(['--help'])\n"
        "heavy = {'torch', 'transformers', 'lightgbm', 'faiss', 'numpy', 'pyarrow'}\n"
        "ours = {n for n in sys.modules if n.startswith(('blender.training', 'blender.serving.', 'blender.engine'))}\n"
        "print(sorted(heavy & set(sys.modules) | ours - {'blender.serving.cli'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    *shown, imported = done.stdout.splitlines()
    assert imported == "[]"
    for name, (_, summary) in cli.COMMANDS.items():
        assert any(line.split()[:1] == [name] and summary in line for line in shown), name


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_leads_somewhere(name: str) -> None:
    module, _, attribute = cli.COMMANDS[name][0].partition(":")
    found = getattr(importlib.import_module(module), attribute)
    assert isinstance(found, typer.Typer) or found.__doc__


@pytest.mark.parametrize("name", [name for name, (target, _) in cli.COMMANDS.items() if target.endswith(":app")])
def test_what_each_command_of_a_group_does_is_listed_whole(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert cli.main([name, "--help"]) == 0
    _, _, listed = capsys.readouterr().out.partition("Commands:\n")
    assert listed and [line for line in listed.splitlines() if line.endswith("...")] == []


def options(command: Any, words: tuple[str, ...], option: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """This option of each command below that has it, by the words that lead there."""
    real = command._real() if isinstance(command, cli.Lazy) else command
    for part, below in getattr(real, "commands", {}).items():
        yield from options(below, (*words, part), option)
    yield from ((words, each) for each in real.params if option in each.opts)


def test_no_command_takes_a_seed_that_what_it_draws_by_would_refuse() -> None:
    found = {words: (seed.min, seed.max) for words, seed in options(cli.command(), (), "--seed")}
    assert {("sample",), ("train",), ("tune",), ("label", "make")} <= found.keys()
    assert {words: bounds for words, bounds in found.items() if bounds != (0, 2**32 - 1)} == {}


def test_every_locale_is_the_tag_of_a_language(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = [words for words, _ in options(cli.command(), (), "--locale")]
    assert {("evaluate",), ("train",), ("label", "make")} <= set(found)
    (tmp_path / "rows").touch()
    for words in found:
        given = [str(tmp_path / "rows"), "--out", str(tmp_path / "out"), "--locale", "english"]
        assert cli.main([*words, *given]) == 2
        assert "locale 'english' is no tag of a language; give one such as en" in capsys.readouterr().err, words


def test_a_command_shows_its_own_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["reply", "--help"]) == 0
    assert "blend reply" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == "0.1.0\n"


def test_a_mistyped_command_is_refused_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["evlauate"]) == 2
    assert "'evaluate'" in capsys.readouterr().err


def raising(fault: BaseException) -> object:
    def command() -> None:
        """Raise."""
        raise fault

    return command


def with_command(monkeypatch: pytest.MonkeyPatch, fault: BaseException) -> int:
    monkeypatch.setattr(cli, "COMMANDS", {"x": ("blender.serving.cli:broken", "Raise.")})
    monkeypatch.setattr(cli, "broken", raising(fault), raising=False)
    return cli.main(["x"])


def test_every_problem_is_printed_and_the_code_is_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert with_command(monkeypatch, BadInput(["f:1: one \x1b[2J", "f:2: two"])) == 2
    assert capsys.readouterr().err == "error: f:1: one\nerror: f:2: two\n"
    assert with_command(monkeypatch, UnknownName("ranker", "longst", ["longest"])) == 2
    assert "did you mean 'longest'" in capsys.readouterr().err


def test_of_many_problems_the_first_are_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert with_command(monkeypatch, BadInput([f"line {at}: bad" for at in range(1, 1_301)])) == 2
    said = capsys.readouterr().err.splitlines()
    assert (said[0], said[-1], len(said)) == ("error: line 1: bad", "... and 1,280 more problems", 21)


def test_a_file_that_cannot_be_used_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert with_command(monkeypatch, PermissionError(13, "Permission denied", "labels.jsonl")) == 2
    assert capsys.readouterr().err == "error: labels.jsonl: Permission denied\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_is_said(rule: Path) -> None:
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run([*BLEND, "reply", "-b", str(rule), "Hi"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert ran.returncode and "Traceback" not in ran.stderr and "No space left" in ran.stderr


def test_an_interruption_ends_with_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert with_command(monkeypatch, KeyboardInterrupt()) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_what_nobody_foresaw_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ZeroDivisionError):
        with_command(monkeypatch, ZeroDivisionError())


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_conversation_can_be_interrupted(rule: Path, how: signal.Signals) -> None:
    chat = subprocess.Popen(
        [*BLEND, "chat", "-b", str(rule)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell lets what it runs in the background ignore interrupts, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert chat.stdin and chat.stdout and chat.stderr
    chat.stdin.write("hello\n")
    chat.stdin.flush()
    assert chat.stdout.readline()  # answered: it listens
    chat.send_signal(how)
    _, said = chat.communicate(timeout=20)
    assert (chat.returncode, "Traceback" in said) == (130, False)


@pytest.mark.slow
def test_a_reader_that_leaves_is_not_complained_of(tmp_path: Path, rule: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"context": ["Hi!"], "candidates": ["%s"]}\n' % ("word " * 2_000) * 200)
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*BLEND, "choose", str(rows), "-b", str(rule)],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    os.close(writing)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr and "Broken" not in done.stderr


@pytest.mark.slow
def test_a_terminal_that_lacks_letters_gets_question_marks(rule: Path) -> None:
    narrow = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [*BLEND, "reply", "Привет!", "-b", str(rule), "--pool"],
        capture_output=True,
        timeout=60,
        env=narrow,
        check=False,
    )
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False)


@pytest.mark.slow
def test_a_call_left_behind_in_native_code_does_not_abort_the_end() -> None:
    code = (
        "import time, torch\nfrom blender.faults import Runner\nfrom blender.serving import cli\n"
        "def busy():\n    a = torch.randn(600, 600)\n    while True: a = torch.softmax(a @ a, dim=-1)\n"
        "def main():\n    Runner(part='source').run({'a': busy, 'b': busy}, 1.0)\n"
        "    print('done', flush=True)\n    return 3\n"
        "cli.main = main\ncli.run()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (3, "done\n")
    assert "terminate" not in done.stderr
