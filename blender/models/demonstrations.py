"""Good answers from other conversations, shown to a language model before a dialog (in-context examples)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from blender.errors import BadInput
from blender.records import Speaker
from blender.texts import check_text

Place = Literal["system", "turns"]
"""Where a chat prompt shows them: told in the system line, or as earlier turns. A script shows earlier scripts."""

_INTRODUCED: dict[Place, dict[str, str]] = {
    "system": {"en": "Good answers in other conversations:", "ru": "Хорошие ответы в других разговорах:"},
    "turns": {
        "en": "First come good answers in other conversations.",
        "ru": "Сначала идут хорошие ответы в других разговорах.",
    },
}
_THEY, _YOU = {"en": "They", "ru": "Они"}, {"en": "You", "ru": "Вы"}
_AROUND = 12  # tokens of marks around a pair, generously


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """What was once said and what was answered.

    Attributes:
        context: one turn a line, oldest first; the last one is answered.
        answer: the answer.
    """

    context: str
    answer: str

    def __post_init__(self) -> None:
        check_text(self.context, "an example's context")
        check_text(self.answer, "an example's answer")
        if not self.context.strip() or not self.answer.strip():
            raise BadInput(
                f"an example needs a context and an answer, got {self.context!r:.60} and {self.answer!r:.60}"
            )

    @property
    def turns(self) -> tuple[str, ...]:
        """The turns of the context, white space collapsed."""
        return tuple(" ".join(turn.split()) for turn in self.context.split("\n") if turn.strip())

    @property
    def line(self) -> str:
        """The answer on one line."""
        return " ".join(self.answer.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The examples one dialog is preceded by.

    Attributes:
        examples: best first; the best one stands nearest to the dialog.
        place: see `Place`.
    """

    examples: tuple[Example, ...] = ()
    place: Place = "system"

    @property
    def words(self) -> tuple[str, ...]:
        """Everything a fingerprint must know of them; nothing if there are none."""
        if not self.examples:
            return ()
        around = (*_INTRODUCED[self.place].values(), *_THEY.values(), *_YOU.values())
        return (self.place, *around, *(part for each in self.examples for part in (each.context, each.answer)))

    def fitting(self, count: Callable[[str], int], room: int) -> Shown:
        """Those of them, the best first, that fit into ``room`` tokens.

        Args:
            count: tokens of a text.
            room: tokens.
        """
        kept: list[Example] = []
        for each in self.examples:
            takes = count("\n".join([*each.turns, each.line])) + _AROUND
            if takes <= room:
                kept.append(each)
                room -= takes
        return Shown(examples=tuple(kept), place=self.place)

    def told(self, locale: str) -> list[str]:
        """Lines for the system line of a chat: the examples themselves, or what the first turns are."""
        if not self.examples:
            return []
        lines = [_of(_INTRODUCED[self.place], locale)]
        if self.place == "system":
            they, you = _of(_THEY, locale), _of(_YOU, locale)
            for talk in self._talks():
                lines += [f"{they if speaker == 'human' else you}: {text}" for speaker, text in talk]
        return lines

    def talks(self) -> list[list[tuple[Speaker, str]]]:
        """Earlier turns of a chat, one list an example, the best last; none if the system line tells them."""
        return list(self._talks()) if self.place == "turns" else []

    def scripts(self, marks: dict[Speaker, str]) -> str:
        """The examples as scripts that end with a blank line, the best last."""
        scripts = ("".join(f"{marks[speaker]} {text}\n" for speaker, text in talk) for talk in self._talks())
        return "".join(f"{script}\n" for script in scripts)

    def _talks(self) -> Iterator[list[tuple[Speaker, str]]]:
        for each in reversed(self.examples):
            yield [*_alternating(each.turns), ("bot", each.line)]


NOTHING = Shown()
"""No example at all: the plain prompt."""


def _alternating(turns: Sequence[str]) -> Iterator[tuple[Speaker, str]]:
    speakers: tuple[Speaker, Speaker] = ("human", "bot")
    for at, text in enumerate(turns):
        yield speakers[(len(turns) - 1 - at) % 2], text


def _of(texts: dict[str, str], locale: str) -> str:
    return next((text for language, text in texts.items() if locale.startswith(language)), texts["en"])
