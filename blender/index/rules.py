"""Rules over the scores of a base: which phrases may be proposed, and which are preferred. Looked up, never computed.

    [sources.faq.rules]
    drop = ["perplexity.alone > q99", "toxicity.toxic > 0.5"]
    keep = ["length.words >= 4"]
    boost = { "perplexity.alone" = 0.1, "genericness.contexts" = -0.05 }

A condition is a column, one of ``< <= > >=``, and a number or a quantile: ``q99`` is the value that 99 in 100 phrases
of the base do not exceed. A phrase whose value is not known (NaN) meets no condition.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from blender.errors import BadInput, UnknownName
from blender.index.base import PhraseBase
from blender.index.decisions import kept_phrases
from blender.index.scores import BaseScores
from blender.matrix import Floats

_COMPARE: Mapping[str, Callable[..., Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_CONDITION = re.compile(r"\s*([^\s<>=]+)\s*(<=|>=|<|>)\s*(q?)([-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?)\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One comparison of a column.

    Attributes:
        column: full name, such as ``toxicity.toxic``.
        sign: ``<``, ``<=``, ``>`` or ``>=``.
        value: to compare with, or a share from 0 to 1 if ``quantile``.
        quantile: whether ``value`` is a share of the base's phrases.
    """

    column: str
    sign: str
    value: float
    quantile: bool

    @classmethod
    def read(cls, text: str) -> Condition:
        """Read ``perplexity.alone > q99`` or ``toxicity.toxic > 0.5``.

        >>> Condition.read("perplexity.alone > q99").value
        0.99

        Raises:
            BadInput: it is no condition.
        """
        found = _CONDITION.fullmatch(text)
        if not found:
            raise BadInput(
                f"rule {text!r} is no condition; write a column, one of < <= > >=, and a number or a quantile, "
                "such as 'toxicity.toxic > 0.5' or 'perplexity.alone > q99'"
            )
        column, sign, share, number = found.groups()
        value = float(number) / 100 if share else float(number)
        if share and not 0 <= value <= 1:
            raise BadInput(f"rule {text!r}: a quantile lies between q0 and q100")
        return cls(column=column, sign=sign, value=value, quantile=bool(share))

    def met(self, scores: BaseScores) -> NDArray[np.bool_]:
        """Which phrases meet it, bool (phrases,).

        Raises:
            UnknownName: the base has no such column.
        """
        values = scores.column(self.column)
        known = values[~np.isnan(values)]
        if not len(known):
            return np.zeros(len(values), dtype=bool)
        limit = np.quantile(known, self.value) if self.quantile else np.float32(self.value)
        return np.asarray(_COMPARE[self.sign](values, limit), dtype=bool)


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What the scores of a base decide when it is searched.

    Attributes:
        drop: a phrase that meets any of these conditions is not proposed.
        keep: a phrase that does not meet all of these conditions is not proposed.
        boost: by column, how much higher the phrase with the highest value stands than the one with the lowest, in
            cosine; between them by the share of phrases with a lower value, and in the middle where it is not known.
            Below 0 the lowest values are preferred.
        among: how many of the nearest phrases ``boost`` orders anew.
        models: by column, reference of the model it must have been made with; any if not given.

    Phrases that an editor keeps (``blend base apply``) are not subject to ``drop`` and ``keep``.
    """

    drop: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    boost: dict[str, float] = field(default_factory=dict)
    among: int = 50
    models: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        problems: list[str] = []
        for text in (*self.drop, *self.keep):
            try:
                Condition.read(text)
            except BadInput as fault:
                problems += fault.problems
        problems += [
            f"boost of {column!r} must be a finite number, is {weight}"
            for column, weight in self.boost.items()
            if not np.isfinite(weight)
        ]
        if self.among < 1:
            problems.append(f"among must be at least 1, is {self.among}")
        if problems:
            raise BadInput(problems)

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Rules:
        """Check and convert plain values, as they stand in the settings.

        Raises:
            UnknownName: there is no such rule.
            BadInput: a rule has the wrong type, or is no condition.
        """
        known = [each.name for each in fields(cls)]
        for key in given:
            if key not in known:
                raise UnknownName("kind of rule", key, known)
        try:
            return msgspec.convert(dict(given), cls)
        except msgspec.ValidationError as fault:
            raise BadInput(f"rules: {fault}; got {dict(given)!r}") from None

    def __bool__(self) -> bool:
        return bool(self.drop or self.keep or self.boost)


@dataclass(frozen=True)
class AppliedRules:
    """Rules read against the scores of one base.

    Attributes:
        rules: what was written.
        base: whose phrases.
        scores: of these phrases.
    """

    rules: Rules
    base: PhraseBase
    scores: BaseScores

    @classmethod
    def to(cls, base: PhraseBase, rules: Rules) -> AppliedRules:
        """Look up the scores that rules need.

        Raises:
            BadBase: there are none, or they are of another state of the base or made with another model.
            UnknownName: a rule names a column that is not there.
            BadInput: the rules leave no phrase.
        """
        found = cls(rules, base, BaseScores.open(base, models=rules.models))
        if len(base) and not found.allowed.any():
            raise BadInput(
                f"the rules leave none of the {len(base):,} phrases of {base.folder}: drop {list(rules.drop)}, keep "
                f"{list(rules.keep)}; loosen them"
            )
        _ = found.boost
        return found

    @cached_property
    def allowed(self) -> NDArray[np.bool_]:
        """Which phrases may be proposed, bool (phrases,)."""
        wanted = np.ones(len(self.base), dtype=bool)
        for text in self.rules.drop:
            wanted &= ~Condition.read(text).met(self.scores)
        for text in self.rules.keep:
            wanted &= Condition.read(text).met(self.scores)
        return wanted | kept_phrases(self.base)

    @cached_property
    def boost(self) -> Floats | None:
        """What is added to the cosine of each phrase, float32 (phrases,); ``None`` without ``boost``."""
        if not self.rules.boost:
            return None
        total = np.zeros(len(self.base), dtype=np.float32)
        for column, weight in self.rules.boost.items():
            total += weight * (np.nan_to_num(self.scores.quantiles(column), nan=0.5) - 0.5)
        return total.astype(np.float32)
