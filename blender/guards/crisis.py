"""Blocks answers that name no help where somebody says that they want to die or to hurt themselves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from blender.errors import BadInput
from blender.matrix import FeatureMatrix
from blender.records import Pool
from blender.written import as_written

_WISH = r"\b(want|wants|wanted|wanna|rather|like|going|gonna|think|thinking|plan|planning|urge)( to| of| about| just)*"
_SAID = re.compile(
    r"\b(kill|hang|shoot|harm|drown|poison)(ing)? my ?self\b(?! (laugh|with laugh))"
    rf"|({_WISH}|\bbeen) (hurt|cut)(ting|ing)? my ?self\b(?! (a|an|some|off|short|out|another)\b)|\bself.?harm"
    r"|\b(end|ending|take|taking) my (own )?life\b(?! (savings|insurance|in|to|more|less|seriously)\b)"
    r"|\bend(ing)? it all\b|\bit all to end\b"
    r"|\b(want|wanted|wanna|rather)( to| just)* (die|be dead|not (be here|exist|wake up))\b"
    r"(?! (of|from) (laugh|embarrass|shame|bored))|\b(wanna|gonna|want to|might) kms\b"
    rf"|{_WISH} (suicide|dying)\b|\bcommit suicide\b|\b(am|i.?m|feel|feeling) suicidal\b|\bsuicidal thoughts\b"
    r"|\bwish (that )?i (was|were) (dead|never born)\b"
    r"|\b(do not|don.?t) (want|wanna)( to)? (be alive|exist|(live|be here|wake up)"
    r"(?= ?([.,!?;]|$)| (any ?more|any longer|again|ever|and|because|but|like this)(?! (with|in|at)\b)))"
    r"|\b(no|any|a) (reason|point) (to|in) (live|living|(go|going) on(?! (with|to|about)\b))\b"
    r"|\bbetter off (dead|without me)\b|\b(took|swallowed) (a|the) whole (bottle|pack|box) of (my )?(pills|tablets)\b",
    re.IGNORECASE,
)
_HELP = (
    "crisis",
    "helpline",
    "hotline",
    "emergency",
    "a doctor",
    "your doctor",
    "the doctor",
    "ambulance",
    "police",
    "therapist",
    "counsel",
    "samaritans",
    "professional",
    "get help",
    "call someone",
    "call somebody",
    "close to you",
    "someone close",
    "somebody close",
    "someone near",
    "somebody near",
    "someone you trust",
    "somebody you trust",
    *(f"{say} {number}" for say in ("call", "dial", "text", "phone", "ring", "or") for number in (112, 911, 988, 999)),
)


@dataclass(frozen=True, kw_only=True)
class Crisis:
    """Blocks every answer that names no help, where one of the human's newest turns speaks of suicide or self-harm.

    A list of English wordings, found by no model: it misses what is said otherwise, and takes some figures of speech
    at their word, which costs a joke its answer. An answer that names help may still be a bad one.

    Attributes:
        turns: of the human that are looked at, the newest.
        help: words one of which an answer must hold, case aside, from the beginning of a word on; by default ways to
            help, in English.
    """

    needs: ClassVar[tuple[str, ...]] = ()

    turns: int = 2
    help: tuple[str, ...] = _HELP

    def __post_init__(self) -> None:
        if self.turns < 1:
            raise BadInput(f"crisis' turns must be at least 1, got {self.turns}")
        if not self.help or not all(isinstance(each, str) and each.strip() for each in self.help):
            raise BadInput(f"crisis' help must be words that answers may hold, got {list(self.help)!r}")

    def check(self, pools: Sequence[Pool], matrix: FeatureMatrix) -> list[str | None]:  # noqa: ARG002
        """Return, for every row, ``None`` or ``crisis: names no help``."""
        return [reason for pool in pools for reason in self._judge(pool)]

    def _judge(self, pool: Pool) -> list[str | None]:
        said = (as_written(turn) for turn in pool.dialog.said_by("human")[-self.turns :])
        if not any(map(_SAID.search, said)):
            return [None] * len(pool)
        return [None if self._helping.search(text) else "crisis: names no help" for text in pool.texts]

    @cached_property
    def _helping(self) -> re.Pattern[str]:
        return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, self.help))})", re.IGNORECASE)
