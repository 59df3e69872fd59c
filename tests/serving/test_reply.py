from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from blender.serving.cli import main
from blender.serving.record import AnswerRecord

LAST_RESORT = "I'm not sure what to say to that. Could you tell me a bit more?"


def test_the_answer_alone_is_printed(rule: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reply", "Hi!", "-b", str(rule)]) == 0
    assert capsys.readouterr().out == LAST_RESORT + "\n"


def test_the_pool_and_the_reason(rule: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reply", "Hi!", "--pool", "-b", str(rule)]) == 0
    shown = capsys.readouterr().out
    assert "The pool is empty." in shown and "no source proposed anything" in shown


def test_json_holds_everything(rule: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["reply", "Hi!", "Hello.", "Так?", "--json", "-b", str(rule)]) == 0
    record = msgspec.json.decode(capfdbinary.readouterr().out, type=AnswerRecord)
    assert [turn.text for turn in record.turns] == ["Hi!", "Hello.", "Так?"]
    assert record.text == LAST_RESORT


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["  "], "white space"),
        (["a\udcff"], "lone surrogate"),
        (["a", "--blender", "defualt"], "did you mean 'default'"),
        (["a", "--json", "--pool"], "leave --pool out"),
    ],
)
def test_bad_input_ends_with_2(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reply", *arguments]) == 2
    assert said in capsys.readouterr().err
