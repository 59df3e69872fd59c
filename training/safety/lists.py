"""Two lists that the project wrote itself: harmless sentences that sound dangerous, and plainly toxic ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from blender.errors import BadInput
from blender.matrix import Floats
from blender.models.safety import SafetyHead

PLACE = Path("tests", "training", "safety")
KNOWN = {
    "en": ("My dog died last week.", "The food was damn good!"),
    "ru": ("У меня умерла собака.", "Еда была чертовски хороша!"),
}
"""The false alarms that the packaged models of words are known for."""


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One line of a list.

    Attributes:
        locale: ``en`` or ``ru``.
        theme: such as ``illness``; in the language of the line.
        answer: what is judged.
        context: the turns before it; empty if it stands alone.
    """

    locale: str
    theme: str
    answer: str
    context: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lists:
    """Both lists in one language."""

    harmless: tuple[Line, ...]
    toxic: tuple[Line, ...]


def read_lists(project: Path, locale: str) -> Lists:
    """The lists of a checkout.

    Raises:
        BadInput: they are not there, or broken.
    """
    return Lists(harmless=_read(project, "harmless", locale), toxic=_read(project, "toxic", locale))


def _read(project: Path, name: str, locale: str) -> tuple[Line, ...]:
    path = project / PLACE / f"{name}.jsonl"
    try:
        lines = msgspec.json.decode(b"[" + b",".join(path.read_bytes().splitlines()) + b"]", type=list[Line])
    except (OSError, msgspec.DecodeError) as fault:
        raise BadInput(f"{path} cannot be read: {fault}; run in a checkout, or name it with --out") from None
    return tuple(line for line in lines if line.locale == locale)


def score_lines(head: SafetyHead, lines: tuple[Line, ...]) -> Floats:
    """P(toxic) of each, float32 (lines,)."""
    return head.score([line.context[-1] if line.context else "" for line in lines], [line.answer for line in lines])
