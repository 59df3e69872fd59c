"""What scores phrases of a base, whatever measures them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from blender.matrix import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class PhraseRow:
    """What a scorer sees of a phrase.

    Attributes:
        text: the phrase.
        locale: its language tag.
        contexts: what it once answered, turns a line each; the first ones of the base.
    """

    text: str
    locale: str = "en"
    contexts: tuple[str, ...] = ()


class Scorer(Protocol):
    """Measures phrases; what it gives of one does not depend on the others but for rounding."""

    @property
    def name(self) -> str:
        """How it is asked for."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """Full names, such as ``toxicity.toxic``."""
        ...

    @property
    def fingerprint(self) -> str:
        """Changes whenever the same phrase would get other values."""
        ...

    @property
    def made_with(self) -> str:
        """Models and settings in words."""
        ...

    @property
    def settings(self) -> dict[str, Any]:
        """As `build_scorer` takes them."""
        ...

    @property
    def stored(self) -> tuple[str, ...]:
        """Keys under which candidates carry the columns to an annotator; none if no annotator has them."""
        ...

    @property
    def contexts(self) -> int:
        """How many contexts of a phrase it looks at."""
        ...

    def key(self, phrase: PhraseRow) -> bytes:
        """Digest of all that it looks at."""
        ...

    def measure(self, phrases: Sequence[PhraseRow]) -> Floats:
        """Return float32 (phrases, columns); NaN = could not be judged."""
        ...


def phrase_key(*parts: str) -> bytes:
    """Digest of texts, for keys; where one ends and the next begins counts."""
    return hashlib.blake2b(msgspec.json.encode(parts), digest_size=16).digest()
