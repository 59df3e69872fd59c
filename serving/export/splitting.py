"""Training and test side of an export, with no conversation on both."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Literal

from blender.errors import BadInput
from blender.problems import Ids
from blender.records import Dialog
from blender.serving.export.judged import JudgedPool

Side = Literal["train", "test"]
SIDES: tuple[Side, Side] = ("train", "test")


@dataclass(kw_only=True)
class Split:
    """Says to which side a dialog belongs, in constant memory.

    Args:
        share: of the conversations that are for testing, by a digest of their first two turns and the seed.
        families: whose dialogs are all for testing; instead of ``share``.
        seed: another seed, other conversations.

    Raises:
        BadInput: both are given, or the share is none.
    """

    share: float = 0.0
    families: Sequence[str] = ()
    seed: int = 0
    _met: Ids = field(default_factory=Ids, repr=False)

    def __post_init__(self) -> None:
        if not 0 <= self.share < 1:
            raise BadInput(f"the share for testing must lie from 0 to below 1, is {self.share}")
        if self.share and self.families:
            raise BadInput("test families and a share for testing exclude each other; give one of them")

    @property
    def sides(self) -> tuple[Side, ...]:
        """Those there are."""
        return SIDES if self.share or self.families else ("train",)

    def side(self, pool: JudgedPool) -> Side | None:
        """The side of a dialog; ``None`` where another one with the same last two turns is on the other side."""
        found: Side = "test" if self._tests(pool) else "train"
        if len(self.sides) == 1:
            return found
        before = self._met.line_of(_key(pool.dialog.texts[-2:]), SIDES.index(found))
        return found if before in (None, SIDES.index(found)) else None

    def close(self) -> None:
        """Give back what was remembered of the dialogs."""
        with closing(self._met):
            pass

    def _tests(self, pool: JudgedPool) -> bool:
        return pool.family in self.families if self.families else self._drawn(pool.dialog) < self.share

    def _drawn(self, dialog: Dialog) -> float:
        """A number from 0 to below 1 that all contexts which grow turn by turn share."""
        key = f"{self.seed}\n{_key(dialog.texts[:2])}"
        return int.from_bytes(hashlib.sha256(key.encode()).digest()[:7], "big") / 2**56


def _key(turns: Sequence[str]) -> str:
    return "\n".join(" ".join(turn.lower().split()) for turn in turns)
