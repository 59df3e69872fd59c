"""What goes to the terminal: text of users and models is never trusted with control characters or markup."""

from __future__ import annotations

import re
import sys
import unicodedata

import msgspec
from rich.console import Console
from rich.text import Text

PIPE_WIDTH = 100
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor, erasing
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # OSC and kin: titles, links
    r"|\x1b[ -/]*[0-~]"  # two-character escapes
)
# These reorder the line around them, so that a text could pass for another's.
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")


def plain(text: str) -> str:
    """The text on one line without escape sequences, control characters and signs that reorder what is around.

    >>> plain("a\\x1b[31mred\\x1b[0m\\nb")
    'ared b'
    """
    shown = _ESCAPES.sub("", text)
    kept = (" " if c in "\n\r\t\v\f\u2028\u2029" else c for c in shown if _printable(c))
    return " ".join("".join(kept).split())


def shown(text: str, style: str = "") -> Text:
    """The text for rich, with nothing in it read as markup."""
    return Text(plain(text), style=style)


def output() -> Console:
    """A console on standard output; into a pipe or file it is 100 columns wide."""
    return Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False, markup=False, emoji=False)


def messages() -> Console:
    """A console on standard error, for progress and errors."""
    return Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)


def write_json(record: msgspec.Struct) -> None:
    """Write one JSON line to standard output, UTF-8 whatever the locale."""
    sys.stdout.buffer.write(msgspec.json.encode(record) + b"\n")


def _printable(character: str) -> bool:
    if character in "\n\r\t\v\f\u2028\u2029":
        return True
    return unicodedata.category(character) not in ("Cc", "Cs") and character not in _BIDI
