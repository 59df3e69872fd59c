from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from blender.engine import Blender
from blender.index.demo import WHOLE_COMMAND
from blender.records import Pool
from blender.serving import demo
from blender.serving.cli import main


def test_the_dialogs_show_what_they_should() -> None:
    tasks = {task.dialog.id: task.dialog for task in demo.demo_tasks()}
    for wanted in ("small talk", "opinion", "bad news", "rude", "follow-up", "cannot answer"):
        assert any(wanted in name for name in tasks), wanted
    follow_up = next(dialog for name, dialog in tasks.items() if "follow-up" in name)
    assert len(follow_up.turns) >= 3
    assert any(dialog.facts for dialog in tasks.values())


def test_a_dialog_is_printed_with_its_pool_and_reason_within_100_columns(blender: Blender) -> None:
    console = Console(file=io.StringIO(), width=100, markup=False)
    dialog = demo.demo_tasks()[0].dialog
    long = "There is a path round the lake \x1b[31mthat " + "goes on and " * 20 + "ends."
    pool = Pool.of(dialog, [long, "No.", dialog.last])
    demo.print_dialog(console, blender.choose_pools([pool])[0])
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert max(map(len, shown.splitlines())) <= 100
    assert "\x1b" not in shown
    for wanted in (*dialog.texts, "It beat “No.” (given)", "blocked: echo"):
        assert wanted in " ".join(shown.split()), wanted


def test_the_command_ends_with_the_way_to_the_whole_base(rule: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--blender", str(rule)]) == 0
    shown = capsys.readouterr().out
    assert shown.splitlines()[-1].strip() == WHOLE_COMMAND
    assert all(task.dialog.id in shown for task in demo.demo_tasks())


@pytest.mark.slow
def test_the_default_blender_answers_all_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    """The demo as a user sees it, with the real generator, base and ranker."""
    loaded = Blender.load("default")
    assert replace(loaded.settings, bundle="") != loaded.settings
    selections = loaded.reply_batch([task.dialog for task in demo.demo_tasks()])
    assert [selection.faults for selection in selections] == [()] * len(selections)
    for selection in selections:
        assert selection.winner is not None and selection.text.strip()
        assert len({candidate.kind for candidate in selection.pool.candidates}) > 1
        assert 0 <= selection.sensible <= 1 and 0 <= selection.specific <= 1
