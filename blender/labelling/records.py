"""What raters are asked and what they say. Frozen, checked once, when made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from blender.errors import BadInput
from blender.records import Dialog
from blender.texts import check_text

Form = Literal["single", "pool"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gold:
    """The labels an item must get, by which raters are checked."""

    sensible: bool
    specific: bool | None = None

    def __post_init__(self) -> None:
        if not self.sensible and self.specific:
            raise BadInput("a gold answer that is not sensible is not specific; set specific to false")


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """What a source said of an answer of its own, for rankers that may read it; as in `blender.records.Candidate`."""

    rank: int | None = None
    score: float | None = None
    matched: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One answer to one context, to be judged.

    Attributes:
        id: opaque; tells a rater nothing of the system, of gold or of repetition.
        page: items of one page are shown together; in single form each has its own.
        dialog: the context.
        text: the answer.
        systems: who gave it; the same text of several systems is judged once. Never shown to raters.
        kind: of the source, as `blender.records.Kind`; ``unknown`` for systems.
        slices: by name, such as ``{"cluster": "3", "turn": "2"}``, for scores by slice.
        gold: the labels it must get; such an item is not scored.
        repeats: id of the item it repeats, to see whether raters agree with themselves; it is not scored.
        brought: by system, what it said of the answer. No rater sees it, and it is no part of what makes a campaign
            another one.
    """

    id: str
    page: str
    dialog: Dialog
    text: str
    systems: tuple[str, ...] = ()
    kind: str = "unknown"
    slices: Mapping[str, str] = field(default_factory=dict)
    gold: Gold | None = None
    repeats: str | None = None
    brought: Mapping[str, Brought] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for what, text in (("an item's id", self.id), ("an item's page", self.page), ("an item's answer", self.text)):
            check_text(text, what)
        if not self.id or not self.page:
            raise BadInput("an item needs an id and a page")

    @property
    def scored(self) -> bool:
        """Whether its labels count for a system: neither gold nor a repetition."""
        return self.gold is None and self.repeats is None

    @property
    def empty(self) -> bool:
        """Whether the system said nothing: that is not sensible and not specific, and no rater is asked."""
        return not self.text.strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What one rater said of one item.

    Attributes:
        item: id of the item.
        rater: name.
        sensible: ``None`` = the rater could not judge it, which is no label.
        specific: ``False`` wherever ``sensible`` is: what makes no sense is not specific. ``None`` = not judged.
        seconds: from seeing to deciding; ``None`` = not known.
        at: when, ISO 8601 in UTC.
        origin: ``page``, or the sheet it came from.
    """

    item: str
    rater: str
    sensible: bool | None
    specific: bool | None
    seconds: float | None = None
    at: str = ""
    origin: str = "page"

    def __post_init__(self) -> None:
        check_text(self.item, "a label's item")
        check_text(self.rater, "a rater's name")
        if not self.rater.strip():
            raise BadInput("a label needs the rater's name")
        if self.sensible is not True and self.specific:
            raise BadInput(
                f"item {self.item}: specific although not sensible; what makes no sense is not specific, set it to 0"
            )
        if not self.at:
            object.__setattr__(self, "at", datetime.now(UTC).isoformat(timespec="milliseconds"))

    @property
    def judged(self) -> bool:
        """Whether it says anything."""
        return self.sensible is not None
