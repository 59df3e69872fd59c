"""How a conversation is embedded, the same when a base is built and when it is searched."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from blender.index.settings import TextEncoder
from blender.matrix import Floats

TURN_BREAK = "\n"
_MOST_CHARACTERS = 1_000


def context_text(turns: Sequence[str], most: int) -> str:
    """Join the last ``most`` turns, oldest first, one to a line; white space inside a turn becomes one space.

    Empty turns do not count. A turn longer than 1,000 characters keeps its end, the newest words.

    >>> context_text(["Hi!", "Hello,  you.", "What do you do?"], most=2)
    'Hello, you.\\nWhat do you do?'
    """
    said = [" ".join(turn.split())[-_MOST_CHARACTERS:] for turn in turns]
    return TURN_BREAK.join([turn for turn in said if turn][-most:])


def embed_contexts(contexts: Sequence[str], encoder: TextEncoder, fade: float, progress: str | None = None) -> Floats:
    """Embed contexts made by ``context_text``, float32 (contexts, dimension), rows of length 1.

    Every turn is embedded alone and their vectors are added, each turn back in time counting ``fade`` times the
    one after it. So a turn is embedded once, however many contexts it stands in; and on 150 human chats this found
    replies as close to the true one as embedding the joined text did.
    """
    turns = [context.split(TURN_BREAK) for context in contexts]
    distinct = list(dict.fromkeys(turn for each in turns for turn in each))
    # Where roles do not matter a turn shares its vector with the phrase of the same words.
    vectors = encoder.encode(distinct, role="passage" if encoder.symmetric else "query", progress=progress)
    return add_turns(turns, distinct, vectors, fade)


def add_turns(turns: Sequence[Sequence[str]], distinct: Sequence[str], vectors: Floats, fade: float) -> Floats:
    """Vectors of contexts, each given as its turns, from those of the ``distinct`` turns; see ``embed_contexts``."""
    rows = {turn: row for row, turn in enumerate(distinct)}
    made = np.zeros((len(turns), vectors.shape[1]), dtype=np.float32)
    for at, each in enumerate(turns):
        weights = fade ** np.arange(len(each) - 1, -1, -1, dtype=np.float32)
        made[at] = weights @ vectors[[rows[turn] for turn in each]]
    lengths = np.linalg.norm(made, axis=1, keepdims=True)
    return np.asarray(made / np.maximum(lengths, 1e-12), dtype=np.float32)
