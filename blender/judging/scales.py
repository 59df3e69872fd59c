"""Which raw quality of a labelled set is its sensible, specific and overall label, and on what scale it was asked."""

from __future__ import annotations

from dataclasses import dataclass

from blender.errors import BadInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """One question the raters answered, by its name in the file, with the ends of its scale."""

    name: str
    low: float = 1.0
    high: float = 5.0

    def __post_init__(self) -> None:
        if not self.high > self.low:
            raise BadInput(f"the scale of {self.name!r} must end above its start, got {self.low:g}..{self.high:g}")

    def scaled(self, value: float) -> float:
        """A raw rating on 0..1.

        Raises:
            BadInput: the rating is off the scale.
        """
        if not self.low <= value <= self.high:
            raise BadInput(
                f"{self.name!r} must lie in {self.low:g}..{self.high:g}, got {value!r}; fix it, or write "
                "the labels as JSON lines on 0..1"
            )
        return (value - self.low) / (self.high - self.low)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """Which question stands for what; ``None`` where a set did not ask."""

    sensible: Quality | None = None
    specific: Quality | None = None
    overall: Quality | None = None

    def items(self) -> tuple[tuple[str, Quality], ...]:
        """The questions that were asked: (``sensible`` | ``specific`` | ``overall``, quality)."""
        pairs = (("sensible", self.sensible), ("specific", self.specific), ("overall", self.overall))
        return tuple((role, quality) for role, quality in pairs if quality is not None)


_USR = Scheme(
    sensible=Quality(name="Maintains Context", low=1, high=3),
    specific=Quality(name="Engaging", low=1, high=3),
    overall=Quality(name="Overall"),
)

# Public sets whose raw ratings hold one number per rater and question, in the same order of raters.
# FED is not here but below: its free-text answers were dropped question by question, so the order is lost.
SCHEMES: dict[str, Scheme] = {
    "dstc10-persona": Scheme(
        sensible=Quality(name="relevance"), specific=Quality(name="content"), overall=Quality(name="appropriateness")
    ),
    "dstc7": Scheme(sensible=Quality(name="Relevance"), specific=Quality(name="Informativeness")),
    "usr-personachat": _USR,
    "usr-personachat-ru": _USR,
    "persona-zhao": Scheme(sensible=Quality(name="overall"), overall=Quality(name="overall")),
    "humod": Scheme(sensible=Quality(name="relevance")),
    "grade": Scheme(sensible=Quality(name="coherence")),
    "holistic-eval": Scheme(sensible=Quality(name="context_coherence")),
    "predictive-engagement": Scheme(overall=Quality(name="human_score")),
}

_FED = Scheme(
    sensible=Quality(name="Relevant", low=0, high=2),
    specific=Quality(name="Specific", low=0, high=2),
    overall=Quality(name="Overall", low=0, high=4),
)

# Public sets whose raw ratings stand in no order of raters: good for agreement, not for labels rater by rater.
UNORDERED: dict[str, Scheme] = {"fed-turn": _FED, "fed-turn-ru": _FED}

# What a DSTC10 file's qualities are taken for when the caller does not say; the first that is present.
ALIASES: dict[str, tuple[str, ...]] = {
    "sensible": ("sensible", "sensibleness", "relevance", "relevant", "maintains context", "coherence", "coherent"),
    "specific": ("specific", "specificity", "content", "informativeness", "interesting", "engaging", "engagingness"),
    "overall": ("overall", "appropriateness"),
}


def guess_scheme(qualities: frozenset[str]) -> Scheme:
    """The scheme of a DSTC10 file by its qualities' usual names, each asked on 1..5.

    Raises:
        BadInput: none of the names is known.
    """
    lower = {name.lower(): name for name in sorted(qualities)}
    found: dict[str, Quality] = {}
    for role, aliases in ALIASES.items():
        name = next((lower[alias] for alias in aliases if alias in lower), None)
        if name is not None:
            found[role] = Quality(name=name)
    if not found:
        raise BadInput(
            f"none of the annotated qualities ({', '.join(sorted(qualities)) or 'none'}) is known as sensible, "
            "specific or overall; say which is which with a Scheme"
        )
    return Scheme(**found)
