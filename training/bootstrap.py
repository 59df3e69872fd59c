"""Weak labels from plain dialogues, for those who have no human ones yet: the true next turn against others.

Random negatives answer some other context. Hard negatives share rare words with the context and yet were said
elsewhere (as the adversarial negatives of Sai et al. 2020, found by TF-IDF), or repeat a turn of the context. Such
labels know what fits, not what people like; a hundred human labels are worth more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from blender.errors import BadInput
from blender.index.corpus import Phrase, read_chats
from blender.outputs import written_aside

FEWEST = 20
_ALIKE = 0.5  # cosine of TF-IDF vectors above which a "wrong" answer may be as right as the true one
_AT_ONCE = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class BootstrapSettings:
    """What pools are made of, beside the true next turn.

    Attributes:
        contexts: at most this many, drawn at random.
        random: negatives drawn at random.
        hard: negatives that share words with the context.
        echo: add a turn of the context as a negative.
        seed: of the draws.
    """

    contexts: int = 2000
    random: int = 3
    hard: int = 2
    echo: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        if self.contexts < 1 or self.random < 0 or self.hard < 0 or self.random + self.hard < 1:
            raise BadInput(
                "weak labels need at least one context and one negative a context; got "
                f"contexts={self.contexts}, random={self.random}, hard={self.hard}"
            )


def bootstrap_labels(dialogues: str | Path, out: Path, settings: BootstrapSettings | None = None) -> int:
    """Write weak labels that ``blend train`` reads; returns the number of contexts.

    Args:
        dialogues: conversations in any form that a phrase base is built from (`blender.index.corpus`).
        out: JSON lines; ``sensible`` is 1 for the true next turn and 0 for the others. Contexts are cut to the last
            turns: which conversation they are of is stated (``slices``), so that none is trained on and judged on.
        settings: what pools are made of.

    Raises:
        BadInput: the dialogues are wrong, or too few.
        BlendError: ``out`` cannot be written.
    """
    said = _said(read_chats(dialogues))
    phrases = [phrase for phrase, _ in said]
    if len(phrases) < FEWEST:
        raise BadInput(
            f"{dialogues} holds {len(phrases)} turns that answer something; weak labels need at least {FEWEST}. "
            "Give more conversations"
        )
    rows = list(weak_rows(phrases, [name for _, name in said], settings or BootstrapSettings()))
    _write(out, rows)
    return len({row["dialog_id"] for row in rows})


def _said(conversations: Iterable[Sequence[Phrase]]) -> list[tuple[Phrase, str]]:
    """What answers something, and the number of its conversation; empty where that holds nothing else."""
    numbers: dict[tuple[str, ...], int] = {}  # by all that is said: a copy of a conversation is the same one
    found: list[tuple[Phrase, str]] = []
    for phrases in conversations:
        number = numbers.setdefault(tuple(phrase.reply for phrase in phrases), len(numbers))
        name = str(number) if len(phrases) > 1 else ""
        found += [(phrase, name) for phrase in phrases if phrase.context.strip()]
    return found


def weak_rows(
    phrases: Sequence[Phrase], conversations: Sequence[str], settings: BootstrapSettings
) -> Iterator[dict[str, Any]]:
    """The label rows, pool by pool, candidates in random order; conversations by phrase, empty where not known."""
    generator = np.random.default_rng(settings.seed)
    chosen = np.sort(generator.permutation(len(phrases))[: settings.contexts])
    hard = _hard_negatives(phrases, chosen, settings.hard) if settings.hard else [[] for _ in chosen]
    true: dict[str, set[str]] = {}
    for phrase in phrases:
        true.setdefault(phrase.context, set()).add(_plain(phrase.reply))
    for number, (at, near) in enumerate(zip(chosen, hard, strict=True)):
        phrase = phrases[at]
        wrong = [*near, *_random_negatives(phrases, phrase, settings.random, generator)]
        turns = phrase.context.split("\n")
        wrong += turns[-1:] if settings.echo else []
        texts = {_plain(text): text for text in reversed(wrong) if _plain(text) not in true[phrase.context]}
        labelled = [(phrase.reply, 1.0), *((text, 0.0) for text in texts.values())]
        for place in generator.permutation(len(labelled)):
            text, sensible = labelled[place]
            yield {
                "dataset": "weak",
                "dialog_id": f"weak-{number}",
                "context": turns,
                "response": text,
                "source": "dialogues",
                "sensible": sensible,
                **({"slices": {"dialog": conversations[at]}} if conversations[at] else {}),
            }


def _random_negatives(
    phrases: Sequence[Phrase], phrase: Phrase, count: int, generator: np.random.Generator
) -> Iterable[str]:
    drawn = generator.integers(len(phrases), size=4 * count + 4)
    texts = dict.fromkeys(phrases[at].reply for at in drawn if phrases[at].context != phrase.context)
    return list(texts)[:count]


def _hard_negatives(phrases: Sequence[Phrase], chosen: NDArray[np.intp], count: int) -> list[list[str]]:
    """Replies nearest to each chosen context by words, those too like the true reply left out."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    replies = list(dict.fromkeys(phrase.reply for phrase in phrases))
    own = {reply: at for at, reply in enumerate(replies)}
    vectorizer = TfidfVectorizer(sublinear_tf=True, max_df=0.05 if len(replies) > 1000 else 1.0)  # type: ignore[no-untyped-call]
    table = vectorizer.fit_transform(replies)  # type: ignore[no-untyped-call]
    contexts = [phrases[at].context for at in chosen]
    asked = vectorizer.transform(contexts)  # type: ignore[no-untyped-call]
    truth = table[[own[phrases[at].reply] for at in chosen]]
    found: list[list[str]] = []
    for start in range(0, len(chosen), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        near = (asked[some] @ table.T).toarray()
        near[(truth[some] @ table.T).toarray() > _ALIKE] = 0
        best = np.argsort(-near, axis=1, kind="stable")[:, :count]
        found += [[replies[at] for at in row if scores[at] > 0] for row, scores in zip(best, near, strict=True)]
    return found


def _plain(text: str) -> str:
    return " ".join(text.lower().split())


def _write(out: Path, rows: Iterable[dict[str, Any]]) -> None:
    with written_aside(out) as aside, aside.open("wb") as file:
        for row in rows:
            file.write(msgspec.json.encode(row) + b"\n")
