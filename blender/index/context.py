"""The text under which a conversation is embedded, the same when a base is built and when it is searched."""

from __future__ import annotations

from collections.abc import Sequence

TURN_BREAK = "\n"
_MOST_CHARACTERS = 2_000


def context_text(turns: Sequence[str], most: int) -> str:
    """Join the last ``most`` turns, oldest first, one to a line; white space inside a turn becomes one space.

    Empty turns do not count. What is longer than 2,000 characters keeps its end, the newest words.

    >>> context_text(["Hi!", "Hello,  you.", "What do you do?"], most=2)
    'Hello, you.\\nWhat do you do?'
    """
    said = [" ".join(turn.split()) for turn in turns]
    return TURN_BREAK.join([turn for turn in said if turn][-most:])[-_MOST_CHARACTERS:]
