"""Words to the terminal: text of prompts is never trusted with control characters or markup."""

from __future__ import annotations

import unicodedata

from rich.console import Console


def say(text: str) -> None:
    """Print text without control and invisible signs, and with nothing in it read as markup."""
    console = Console(highlight=False, markup=False, emoji=False)
    console.print(harmless(text), soft_wrap=True)


def harmless(text: str) -> str:
    """The text without signs that steer a terminal or turn the order of what is shown.

    >>> harmless("a\\x1b[31mred\\nb")
    'a[31mred\\nb'
    """
    return "".join(sign for sign in text if sign == "\n" or unicodedata.category(sign) not in ("Cc", "Cf", "Cs"))
