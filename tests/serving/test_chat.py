from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from blender.engine import Blender
from blender.proposing import SourceSlot
from blender.records import Candidate, Dialog
from blender.serving.chat import Conversation
from blender.serving.cli import main


class Counting:
    """A source that says how many turns it heard."""

    def propose(self, dialogs: Sequence[Dialog], k: int) -> list[list[Candidate]]:
        texts = [(f"You said {len(dialog.turns)} turns so far, \x1b[2Jyes.", "Well.") for dialog in dialogs]
        return [[Candidate(text=text, source="counting") for text in pair] for pair in texts]


@pytest.fixture
def conversation(blender: Blender) -> Conversation:
    parts = replace(blender.parts, sources={"counting": SourceSlot(source=Counting(), k=2)})
    return Conversation(replace(blender, parts=parts), Console(file=io.StringIO(), width=100, markup=False))


def said(conversation: Conversation) -> str:
    assert isinstance(conversation.console.file, io.StringIO)
    text = conversation.console.file.getvalue()
    conversation.console.file.seek(0)
    conversation.console.file.truncate()
    return text


def test_each_answer_joins_the_conversation(conversation: Conversation) -> None:
    assert conversation.hear("Hello!")
    assert said(conversation) == "You said 1 turns so far, yes.\n"
    conversation.hear("And now?")
    assert said(conversation) == "You said 3 turns so far, yes.\n"
    assert [turn.speaker for turn in conversation.turns] == ["human", "bot", "human", "bot"]


def test_why_and_pool_show_the_last_choice(conversation: Conversation) -> None:
    conversation.hear("Hello!")
    said(conversation)
    conversation.hear("/why")
    assert said(conversation).startswith("It beat “Well.” (counting)")
    conversation.hear("/pool")
    assert "Well." in said(conversation)


def test_new_forgets(conversation: Conversation) -> None:
    conversation.hear("Hello!")
    conversation.hear("/new")
    said(conversation)
    conversation.hear("/why")
    assert said(conversation) == "Nothing was answered yet.\n"
    conversation.hear("Hello again!")
    assert "1 turns" in said(conversation)


def test_an_unknown_wish_gets_help_and_quit_leaves(conversation: Conversation) -> None:
    assert conversation.hear("/dance")
    assert "/quit" in said(conversation)
    assert not conversation.hear("/quit")


def test_what_cannot_be_answered_is_said_and_the_conversation_goes_on(conversation: Conversation) -> None:
    conversation.hear("Hello!")
    said(conversation)
    conversation.hear("caf\udce9")
    assert "lone surrogate" in said(conversation)
    conversation.hear("")
    conversation.hear("Still there?")
    assert "3 turns" in said(conversation)


def test_the_command_reads_to_the_end_of_its_input(
    rule: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"Hi!\n\xff\n/why\n")))
    assert main(["chat", "-b", str(rule)]) == 0
    shown = capsys.readouterr().out
    assert "I'm not sure" in shown and "lone surrogate" in shown and "last resort" in shown
