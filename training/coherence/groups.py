"""What a tail learns from: contexts with their true reply and with others that are wrong in different ways."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from blender.index.context import TURN_BREAK
from blender.models.encoder import Encoder
from blender.models.prompt import PromptForm
from blender.records import Dialog
from blender.training.tune.dialogues import Pair
from blender.written import as_written

Kind = Literal["true", "random", "near", "own", "echo", "broken"]
CONTEXT_TOKENS, ANSWER_TOKENS = 180, 48
_CHUNK, _NEAREST = 512, 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A context and answers to it, the true one first.

    Attributes:
        context: token ids of the prompt.
        answers: token ids of each.
        kinds: of the answers: ``random`` replies of other contexts, ``near`` ones about the same things as the last
            turn, from other conversations; ``own``, another reply of the same conversation; ``echo``, a turn of the
            context; ``broken``, the true one cut off, shuffled, with words left out or said twice.
    """

    context: tuple[int, ...]
    answers: tuple[tuple[int, ...], ...]
    kinds: tuple[Kind, ...]

    @property
    def tokens(self) -> int:
        """Of context and answers."""
        return len(self.context) + sum(map(len, self.answers))


def groups_of(
    pairs: Sequence[Pair], most: int, encoder: Encoder, form: PromptForm, rng: np.random.Generator
) -> list[Group]:
    """Groups of up to ``most`` pairs drawn from these; the wrong answers come from all of them."""
    pairs = [pairs[at] for at in rng.permutation(len(pairs))]
    drawn = _Draw(pairs, rng)
    asked = [as_written(pair.context.split(TURN_BREAK)[-1]) for pair in pairs[:most]]
    return [
        group for at, near in enumerate(_near(asked, drawn.replies, encoder)) if (group := drawn.group(at, near, form))
    ]


def _near(asked: Sequence[str], replies: Sequence[str], encoder: Encoder) -> Iterator[list[int]]:
    """For each turn the replies that are most like it, in no order."""
    known, turns = encoder.encode(replies), encoder.encode(asked)
    count = min(_NEAREST, len(replies) - 1)
    for start in range(0, len(turns), _CHUNK):
        yield from np.argpartition(-(turns[start : start + _CHUNK] @ known.T), count, axis=1)[:, :count].tolist()


class _Draw:
    """Draws wrong answers for pairs."""

    def __init__(self, pairs: Sequence[Pair], rng: np.random.Generator) -> None:
        self._pairs = pairs
        self._rng = rng
        self.replies = [as_written(pair.reply) for pair in pairs]
        self._spoken: dict[str, list[int]] = defaultdict(list)
        for at, pair in enumerate(pairs):
            self._spoken[pair.conversation].append(at)

    def group(self, at: int, near: Sequence[int], form: PromptForm) -> Group | None:
        """The group of a pair; ``None`` if its context is too long or an answer has no tokens."""
        true, turns = self.replies[at], [as_written(turn) for turn in self._pairs[at].context.split(TURN_BREAK)]
        wrong: list[tuple[str, Kind]] = [
            (text, kind) for text, kind in self._wrong(at, near, turns) if text.strip() and text.lower() != true.lower()
        ]
        context = form.context(Dialog.of(turns))
        if len(context) > CONTEXT_TOKENS:
            return None
        answers = tuple(tuple(form.answer(text)[:ANSWER_TOKENS]) for text in (true, *(text for text, _ in wrong)))
        kinds: tuple[Kind, ...] = ("true", *(kind for _, kind in wrong))
        return Group(context=tuple(context), answers=answers, kinds=kinds) if all(answers) else None

    def _wrong(self, at: int, near: Sequence[int], turns: Sequence[str]) -> Iterator[tuple[str, Kind]]:
        pair, rng, replies = self._pairs[at], self._rng, self.replies
        for _ in range(2):
            yield replies[int(rng.integers(len(replies)))], "random"
        others = [
            other
            for other in near
            if self._pairs[other].conversation != pair.conversation and replies[other].lower() != replies[at].lower()
        ]
        for other in rng.permutation(others)[:2]:
            yield replies[int(other)], "near"
        own = [
            other
            for other in self._spoken[pair.conversation]
            if other != at and self._pairs[other].reply != pair.reply and self._pairs[other].reply not in pair.context
        ]
        if own and rng.random() < 0.7:
            yield replies[int(rng.choice(own))], "own"
        if rng.random() < 0.25:
            yield turns[int(rng.integers(len(turns)))], "echo"
        if rng.random() < 0.6 and (broken := broken_text(replies[at], rng)):
            yield broken, "broken"


def broken_text(text: str, rng: np.random.Generator) -> str | None:
    """The text cut off, shuffled, with words left out, or with some said twice; ``None`` if it is too short."""
    words = text.split()
    kind, count = rng.integers(4), len(words)
    if kind == 0 and count > 3:
        return " ".join(words[: max(1, count - int(rng.integers(1, max(2, count // 2))))]).rstrip(".!?")
    if kind == 1 and count > 3:
        return " ".join(words[at] for at in rng.permutation(count))
    if kind == 2 and count > 4:
        kept = rng.random(count) > 0.3
        return " ".join(word for word, keep in zip(words, kept, strict=True) if keep) or text
    if count > 3:
        start = int(rng.integers(count - 2))
        end = min(count, start + int(rng.integers(2, 4)))
        return " ".join(words[:end] + words[start:end] + words[end:])
    return None
