"""Conversations of a corpus, and the contexts that can be cut from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from blender.errors import BadInput
from blender.index.corpus import open_corpus
from blender.index.tables import Row
from blender.problems import Problems
from blender.reading import Task
from blender.records import Dialog, Turn
from blender.sampling.lengths import length_slice
from blender.texts import check_text

_HUMAN, _BOT = ("human", "user"), ("bot", "assistant", "system")
_IDS, _LOCALES = ("id", "dialog_id", "conversation_id"), ("locale", "language")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One turn of a conversation; whoever it was that spoke, if that is known."""

    text: str
    speaker: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """What was said, oldest first.

    Attributes:
        id: the row's own, or ``FILE-LINE``.
        said: at least one turn.
        waits: whether it waits for an answer as it is (a row with ``context`` alone), so that it is not cut.
        locale: language tag.
    """

    id: str
    said: tuple[Said, ...]
    waits: bool = False
    locale: str = "en"

    def cuts(self, least: int, most: int) -> list[int]:
        """Numbers of turns, ``least`` to ``most``, after which another speaker answered; the answer is known then.

        A single turn, and a context that waits, end where they end.
        """
        whole = len(self.said)
        ends = [whole] if self.waits or whole == 1 else range(1, whole)
        return [at for at in ends if least <= at <= most and self._answerable(at)]

    def context(self, turns: int) -> Task:
        """The first ``turns`` turns as a dialog whose last speaker is the human, what was said next its reference."""
        human = self.said[turns - 1].speaker
        made = [
            Turn(speaker="human" if each.speaker == human else "bot", text=each.text) if human else each.text
            for each in self.said[:turns]
        ]
        dialog = Dialog.of(made, id=self.id, locale=self.locale)
        following = self.said[turns].text if turns < len(self.said) else None
        slices = {"length": length_slice(turns), "language": self.locale}
        return Task(line=0, dialog=dialog, candidates=None, slices=slices, reference=following)

    def pick(self, least: int, most: int, random: Random) -> Task | None:
        """A context cut at random: first a bucket of lengths, then a length in it; ``None`` if there is none."""
        buckets: dict[str, list[int]] = {}
        for turns in self.cuts(least, most):
            buckets.setdefault(length_slice(turns), []).append(turns)
        return self.context(random.choice(random.choice(list(buckets.values())))) if buckets else None

    def _answerable(self, turns: int) -> bool:
        last = self.said[turns - 1].speaker
        if last is None or last.casefold() in _HUMAN:
            return True
        return last.casefold() not in _BOT and (turns == len(self.said) or self.said[turns].speaker != last)


def read_corpus(source: str | Path, locale: str = "en") -> tuple[Path, Iterator[Conversation]]:
    """The file of a corpus and its conversations.

    Rows hold ``turns`` (texts, or objects with ``text`` and maybe ``speaker``), or ``context`` and maybe ``reply``;
    ``id`` and ``locale`` if they are known. Kinds of file: as in `blender.index.corpus`.

    Args:
        source: a file, or ``pkg:NAME``.
        locale: of rows that do not say theirs.

    Raises:
        BadInput: there is no such file; or, once every good row has been given, rows are wrong, all of them listed.
    """
    path, rows = open_corpus(source)

    def conversations() -> Iterator[Conversation]:
        report = Problems()
        for row in rows:
            try:
                yield _conversation(row, path.stem, locale)
            except BadInput as fault:
                report.add([f"{path.name}:{row.line}: {problem}" for problem in fault.problems])
        report.raise_any()

    return path, conversations()


def _conversation(row: Row, stem: str, locale: str) -> Conversation:
    if row.problem:
        raise BadInput(row.problem)
    values = {name: value for name, value in row.values.items() if value not in (None, "")}
    turns, waits = _turns(values)
    return Conversation(
        id=_text(values, _IDS, f"{stem}-{row.line}"),
        said=tuple(_said(turn, at) for at, turn in enumerate(turns)),
        waits=waits,
        locale=_text(values, _LOCALES, locale),
    )


def _turns(values: Mapping[str, Any]) -> tuple[Sequence[Any], bool]:
    """The turns, and whether they wait for an answer."""
    turns = values.get("turns")
    if turns is None:
        context = values.get("context", [])
        turns = context.split("\n") if isinstance(context, str) else context
        turns = [*turns, values["reply"]] if "reply" in values and isinstance(turns, list) else turns
    if not isinstance(turns, list | tuple) or not turns:
        raise BadInput(f"has no list of 'turns' (nor 'context'); it holds {', '.join(map(repr, values)) or 'nothing'}")
    return turns, "turns" not in values and "reply" not in values


def _said(turn: Any, at: int) -> Said:
    given = turn if isinstance(turn, dict) else {"text": turn}
    text, speaker = given.get("text", ""), given.get("speaker")
    check_text(text, f"turn {at}")
    if speaker is not None:
        check_text(speaker, f"the speaker of turn {at}")
    if not text.strip():
        raise BadInput(f"turn {at} is empty; leave it out")
    return Said(text=" ".join(text.split()), speaker=speaker)


def _text(values: Mapping[str, Any], names: Sequence[str], otherwise: str) -> str:
    given = next((values[name] for name in names if name in values), otherwise)
    text = f"{given:g}" if isinstance(given, float) else str(given)  # a CSV column of numbers comes as floats
    check_text(text, names[0])
    return text
