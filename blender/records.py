"""The records everything speaks in: turns, dialogs, candidates, pools. Frozen, checked once, when made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Integral, Real
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from blender.errors import BadInput
from blender.own_columns import as_float, own_columns
from blender.texts import check_text, language_tag, several

Speaker = Literal["human", "bot"]
Kind = Literal["generator", "retrieval", "human", "random", "constant", "canned", "unknown"]
MACHINE_KINDS: frozenset[Kind] = frozenset({"generator", "retrieval"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What one speaker said; not empty."""

    speaker: Speaker
    text: str

    def __post_init__(self) -> None:
        if self.speaker not in get_args(Speaker):
            raise BadInput(f"speaker must be 'human' or 'bot', got {self.speaker!r}")
        check_text(self.text, "a turn")
        if not self.text.strip():
            raise BadInput("a turn must say something, got only white space; leave empty turns out")
        object.__setattr__(self, "text", str.__str__(self.text))  # numpy's as Python's own


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialog:
    """A conversation waiting for the bot's answer: it ends with a human turn.

    Attributes:
        id: names the dialog in outputs and seeds its sampling.
        turns: oldest first.
        facts: what answers may lean on (persona sentences, documents).
        locale: language tag such as ``en`` or ``ru-RU``; ``RU`` and ``ru_RU`` are read as that.
    """

    id: str = "dialog"
    turns: tuple[Turn, ...]
    facts: tuple[str, ...] = ()
    locale: str = "en"

    def __post_init__(self) -> None:
        for name in ("turns", "facts"):
            object.__setattr__(self, name, several(getattr(self, name), name))
        if not self.turns:
            raise BadInput("a dialog needs at least one turn, got none; give what the human said")
        for turn in self.turns:
            if not isinstance(turn, Turn):
                raise BadInput(f"turns must be Turn records, got {type(turn).__name__}; use Dialog.of(...) for strings")
        if self.turns[-1].speaker != "human":
            raise BadInput(
                "a dialog must end with a human turn (the one to answer), this one ends with the bot's "
                f"{self.turns[-1].text!r:.60}; drop it or add the human's next turn"
            )
        for name, text in (("the dialog's id", self.id), ("the dialog's locale", self.locale)):
            check_text(text, name)
        object.__setattr__(self, "locale", language_tag(self.locale))
        for fact in self.facts:
            check_text(fact, "a fact")
        object.__setattr__(self, "id", str.__str__(self.id))
        object.__setattr__(self, "facts", tuple(map(str.__str__, self.facts)))

    @classmethod
    def of(
        cls,
        turns: str | Sequence[str | Turn] | Dialog,
        *,
        id: str = "dialog",
        facts: Sequence[str] = (),
        locale: str = "en",
    ) -> Dialog:
        """Make a dialog from strings (speakers alternate, the human last) or from ``Turn`` records.

        >>> Dialog.of(["Hi!", "Hello, how are you?", "Fine."]).turns[1].speaker
        'bot'

        Raises:
            BadInput: there is no turn, one is not text, or the bot speaks last; or there are facts beside a ``Dialog``,
                which has its own.
        """
        if isinstance(turns, Dialog):
            if several(facts, "facts"):
                raise BadInput(
                    "facts beside a Dialog, which has its own; give them to the Dialog: replace(dialog, facts=...)"
                )
            return turns
        given = (turns,) if isinstance(turns, str | Turn) else several(turns, "turns")
        speakers: tuple[Speaker, Speaker] = ("human", "bot")
        made = [
            turn if isinstance(turn, Turn) else Turn(speaker=speakers[(len(given) - 1 - at) % 2], text=turn)
            for at, turn in enumerate(given)
        ]
        return cls(id=id, turns=tuple(made), facts=several(facts, "facts"), locale=locale)

    @property
    def language(self) -> str:
        """Of its locale, such as ``ru``."""
        return self.locale.partition("-")[0]

    @property
    def texts(self) -> tuple[str, ...]:
        """The turns' texts, oldest first."""
        return tuple(turn.text for turn in self.turns)

    @property
    def last(self) -> str:
        """The human turn to answer."""
        return self.turns[-1].text

    def said_by(self, speaker: Speaker) -> tuple[str, ...]:
        """Texts of one speaker, oldest first."""
        return tuple(turn.text for turn in self.turns if turn.speaker == speaker)

    def cut(self, limit: int) -> Dialog:
        """Keep the newest ``limit`` characters of the turns: whole old turns go first, then an old turn's head.

        Of a turn that is cut, white space at the end goes too.
        """
        kept: list[Turn] = []
        room = limit
        for turn in reversed(self.turns):
            if room <= 0:
                break
            whole = len(turn.text) <= room
            kept.append(turn if whole else Turn(speaker=turn.speaker, text=turn.text.rstrip()[-room:]))
            room -= len(kept[-1].text)
        turns = tuple(reversed(kept))
        return self if turns == self.turns else replace(self, turns=turns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a candidate came from; a candidate that several sources proposed has several."""

    source: str
    rank: int
    score: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """What a generator already knows of its own sample, so that it is never computed again.

    Attributes:
        fingerprint: of the model *and* of the tokens of the prompt it answered, the dialog's included.
        logprobs: one per token of the text and, last, of the end of the turn after it, natural log, at temperature 1;
            also where the limit on tokens broke the sample off.
        finished: whether the last entry is that of the end; where it is not, nothing is taken from here.
    """

    fingerprint: str
    logprobs: tuple[float, ...]
    finished: bool = True


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Embedded:
    """The vector of a text, kept from when it was computed.

    Attributes:
        fingerprint: of the encoder.
        vector: float16 or float32 (dimension,), as a passage, of length 1 up to rounding.
    """

    fingerprint: str
    vector: NDArray[np.floating]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One possible answer.

    Attributes:
        text: the answer as it would be sent; may be empty (the ``empty`` guard blocks it).
        source: name of what proposed it; never used to rank unless the user asks for it.
        kind: what sort of source that is.
        rank: 0 is the source's own favourite.
        score: the source's own score; not comparable between sources.
        features: the user's own columns, served as ``user.NAME``; a name that is absent is NaN.
        stored: annotator columns measured beforehand, keyed ``FINGERPRINT:annotator.column``.
        sampled: a generator's log-probabilities of this very text.
        embedded: the vector of this very text, where a phrase base holds it.
        matched: for a retrieved phrase, the context it once answered.
        evidence: passages a grounded generator had before it.
        origins: every source that proposed this text, the first included.
    """

    text: str
    source: str = "given"
    kind: Kind = "unknown"
    rank: int = 0
    score: float | None = None
    features: Mapping[str, float] = field(default_factory=dict)
    stored: Mapping[str, float] = field(default_factory=dict)
    sampled: Sampled | None = None
    embedded: Embedded | None = field(default=None, repr=False, compare=False)
    matched: str | None = None
    evidence: tuple[str, ...] = ()
    origins: tuple[Origin, ...] = ()

    def __post_init__(self) -> None:
        check_text(self.text, "a candidate")
        check_text(self.source, "a candidate's source")
        if self.kind not in get_args(Kind):
            raise BadInput(f"a candidate's kind must be one of {', '.join(get_args(Kind))}; got {self.kind!r}")
        if not isinstance(self.rank, Integral) or self.rank < 0:
            raise BadInput(f"a candidate's rank is a whole number that counts from 0, got {self.rank!r}")
        if self.score is not None and not isinstance(self.score, Real):
            raise BadInput(f"a candidate's score must be a number or None, got {self.score!r:.80}")
        if self.matched is not None:
            check_text(self.matched, "the context that a candidate once answered")
        object.__setattr__(self, "evidence", several(self.evidence, "a candidate's evidence"))
        for passage in self.evidence:
            check_text(passage, "a passage of a candidate's evidence")
        for what, values in (("features", self.features), ("stored", self.stored)):
            if not isinstance(values, Mapping):
                raise BadInput(f"a candidate's {what} must map names to numbers, got {values!r:.80}")
        object.__setattr__(self, "features", own_columns(self.features))
        self._check_records()
        self._plain()
        if not self.origins:
            own = Origin(source=self.source, rank=self.rank, score=self.score)
            object.__setattr__(self, "origins", (own,))

    def _check_records(self) -> None:
        for name, value, kind in (("sampled", self.sampled, Sampled), ("embedded", self.embedded, Embedded)):
            if value is not None and not isinstance(value, kind):
                raise BadInput(f"a candidate's {name} must be {kind.__name__} or None, got {value!r:.80}")
        object.__setattr__(self, "origins", several(self.origins, "a candidate's origins"))
        for origin in self.origins:
            if not isinstance(origin, Origin):
                raise BadInput(f"a candidate's origins must be Origin records, got {origin!r:.80}")

    def _plain(self) -> None:
        """Text and numbers of numpy as Python's own, which files can carry."""
        for name in ("text", "source"):
            object.__setattr__(self, name, str.__str__(getattr(self, name)))
        object.__setattr__(self, "rank", int(self.rank))
        if self.score is not None:
            object.__setattr__(self, "score", as_float(self.score, "a candidate's score"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """The candidates of one dialog: any number, unequal between dialogs, may be empty."""

    dialog: Dialog
    candidates: tuple[Candidate, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "candidates", several(self.candidates, "candidates"))
        wrong = [each for each in self.candidates if not isinstance(each, Candidate)]
        if wrong or not isinstance(self.dialog, Dialog):
            found = wrong[0] if wrong else self.dialog
            raise BadInput(
                f"a pool is a Dialog and Candidate records, got {found!r:.80}; use Pool.of(turns, candidates) for texts"
            )

    def __len__(self) -> int:
        return len(self.candidates)

    @property
    def texts(self) -> tuple[str, ...]:
        """The candidates' texts, in pool order."""
        return tuple(candidate.text for candidate in self.candidates)

    @classmethod
    def of(
        cls,
        dialog: str | Sequence[str | Turn] | Dialog,
        candidates: Iterable[str | Candidate],
        *,
        facts: Sequence[str] = (),
        locale: str = "en",
    ) -> Pool:
        """Make a pool from a context and texts or ``Candidate`` records, kept in the order given.

        ``facts`` and ``locale`` are for a context of texts; a ``Dialog`` has its own.
        """
        each = enumerate(several(candidates, "candidates"))
        made = tuple(c if isinstance(c, Candidate) else _candidate(c, at) for at, c in each)
        return cls(dialog=Dialog.of(dialog, facts=facts, locale=locale), candidates=made)


def _candidate(text: object, rank: int) -> Candidate:
    if not isinstance(text, str):
        raise BadInput(f"a candidate must be text or a Candidate record, got {text!r:.80}; make Candidate(text=...)")
    return Candidate(text=text, rank=rank)
