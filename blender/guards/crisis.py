"""Blocks answers that name no help where somebody says that they want to die or to hurt themselves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from blender.errors import BadInput
from blender.matrix import FeatureMatrix
from blender.records import Pool

_WISH = r"\b(want|wants|wanted|wanna|rather|like|going|gonna|think|thinking|plan|planning|urge)( to| of| about| just)*"
_SAID = re.compile(
    r"\b(kill|hang|shoot|harm|drown|poison)(ing)? my ?self\b(?! (laugh|with laugh))"
    rf"|{_WISH} (hurt|cut)(ting|ing)? my ?self\b|\bself.?harm"
    r"|\b(end|ending|take|taking) my (own )?life\b|\bend(ing)? it all\b|\bit all to end\b"
    r"|\b(want|wanted|wanna|rather)( to| just)* (die|be dead|not (be here|exist|wake up))\b"
    r"(?! (of|from) (laugh|embarrass|shame|bored))"
    rf"|{_WISH} (suicide|dying)\b|\bcommit suicide\b|\b(am|i.?m|feel|feeling) suicidal\b"
    r"|\bwish (that )?i (was|were) (dead|never born)\b"
    r"|\b(do not|don.?t) (want|wanna)( to)? (live|be alive|be here|wake up|exist)\b"
    r"|\bno (reason|point) (to|in) (live|living|go on|going on)\b|\bbetter off (dead|without me)\b",
    re.IGNORECASE,
)
_HELP = (
    "crisis",
    "helpline",
    "hotline",
    "emergency",
    "doctor",
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
    "112",
    "911",
    "988",
    "999",
)


@dataclass(frozen=True, kw_only=True)
class Crisis:
    """Blocks every answer that names no help, where one of the human's newest turns speaks of suicide or self-harm.

    A list of English wordings, found by no model: it misses what is said otherwise, and takes some figures of speech
    at their word, which costs a joke its answer. An answer that names help may still be a bad one.

    Attributes:
        turns: of the human that are looked at, the newest.
        help: words one of which an answer must hold, case aside; by default ways to help, in English.
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
        if not any(_SAID.search(turn) for turn in pool.dialog.said_by("human")[-self.turns :]):
            return [None] * len(pool)
        return [None if self._helps(text.casefold()) else "crisis: names no help" for text in pool.texts]

    def _helps(self, text: str) -> bool:
        return any(word.casefold() in text for word in self.help)
