"""`blend chat`: a conversation in the terminal."""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass, field

from rich.console import Console

from blender.engine import Blender
from blender.errors import BlendError
from blender.records import Turn
from blender.selection import Selection
from blender.serving.loading import BlenderOption, load
from blender.serving.table import print_pool
from blender.serving.terminal import output, shown

HELP = "/why: why that answer. /pool: what it was chosen from. /new: start again. /quit: leave."


@dataclass
class Conversation:
    """What was said, and how the last answer was chosen."""

    blender: Blender
    console: Console
    turns: list[Turn] = field(default_factory=list)
    last: Selection | None = None

    def hear(self, line: str) -> bool:
        """Take one line of the human's; false when it was the wish to leave."""
        said = line.strip()
        if said == "/quit":
            return False
        if said.startswith("/"):
            self._obey(said)
        elif said:
            self._answer(said)
        return True

    def _obey(self, wish: str) -> None:
        if wish == "/new":
            self.turns, self.last = [], None
            self.console.print("A new conversation.")
        elif wish not in ("/why", "/pool"):
            self.console.print(HELP)
        elif self.last is None:
            self.console.print("Nothing was answered yet.")
        elif wish == "/why":
            self.console.print(shown(self.last.why()), soft_wrap=True)
        else:
            print_pool(self.console, self.last)

    def _answer(self, said: str) -> None:
        try:
            heard = [*self.turns, Turn(speaker="human", text=said)]
            self.last = self.blender.reply(heard)
        except BlendError as fault:
            self.console.print(shown(f"error: {fault}", "red"), soft_wrap=True)
            return
        self.console.print(shown(self.last.text, "bold"), soft_wrap=True)
        # An empty answer of last resort is no turn.
        answer = [Turn(speaker="bot", text=self.last.text)] if self.last.text.strip() else []
        self.turns = heard + answer


def chat(blender: BlenderOption = "default") -> None:
    """Talk in the terminal; /why and /pool show the last choice."""
    conversation = Conversation(load(blender), output())
    if sys.stdin.isatty():
        import readline  # noqa: F401 - gives input() a history and editing

    if isinstance(sys.stdin, io.TextIOWrapper):  # what is not UTF-8 is refused as a turn, not fatal
        sys.stdin.reconfigure(errors="surrogateescape")
    conversation.console.print(HELP, style="dim")
    while True:
        try:
            line = input("> " if sys.stdin.isatty() else "")
        except EOFError:
            return
        if not conversation.hear(line):
            return
