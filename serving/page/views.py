"""What the browser sends and gets, as JSON. Nothing here tells of systems, gold or repetitions."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Key = Annotated[str, Field(min_length=1, max_length=64)]
Name = Annotated[str, Field(max_length=400)]  # `blender.serving.page.raters` says which names are good
MOST_AT_ONCE = 200
MOST_SECONDS = 3600.0
# More is cut, not refused: an undo sends back what an import brought, and tools count the night too.
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False), AfterValidator(lambda seconds: min(seconds, MOST_SECONDS))]


class _Sent(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Said(_Sent):
    """One action: a label, or taking one back."""

    item: Key
    sensible: bool | None = None
    specific: bool | None = None
    seconds: Seconds | None = None
    withdrawn: bool = False


class Save(_Sent):
    """Actions of one rater, in order."""

    campaign: Key
    rater: Name
    said: Annotated[list[Said], Field(max_length=MOST_AT_ONCE)]


class Saved(_Sent):
    """How many actions are in the database now."""

    saved: int


class Ask(_Sent):
    """A page wanted: the ``number``-th of the rater's, or the one to do next."""

    campaign: Key
    rater: Name
    number: Annotated[int, Field(ge=0, le=10**9)] | None = None


class Enter(_Sent):
    """A rater says their name."""

    campaign: Key
    name: Name


class Entered(_Sent):
    """The name to go by."""

    rater: str


class ShownTurn(_Sent):
    """A turn of the dialog."""

    speaker: Literal["human", "bot"]
    text: str


class ShownLabel(_Sent):
    """What the rater said of an answer before."""

    sensible: bool | None
    specific: bool | None
    seconds: float | None


class ShownItem(_Sent):
    """An answer to be judged."""

    id: str
    text: str
    label: ShownLabel | None


class ShownPage(_Sent):
    """One page, as its rater sees it."""

    number: int
    locale: str
    facts: list[str]
    turns: list[ShownTurn]
    items: list[ShownItem]


class Progress(_Sent):
    """Pages done and to be done; ``of`` may shrink, as other raters take pages too."""

    done: int
    of: int
    given: int
    judged: int
    passed: int
    seconds: float


class Shown(_Sent):
    """A page, or ``None`` when nothing is left; then ``held`` pages are before other raters and may come back."""

    page: ShownPage | None
    progress: Progress
    held: int
