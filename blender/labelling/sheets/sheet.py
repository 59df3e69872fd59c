"""A sheet: pages to be labelled, and one row of it read back. What is written in which column, whatever the format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from blender.labelling.campaign import Campaign
from blender.labelling.guidelines import LOCALES
from blender.labelling.records import Item
from blender.labelling.sheets.cells import cell
from blender.records import Dialog

# What a column is called in which language; any of the names is understood when a sheet comes back.
COLUMNS: dict[str, dict[str, str]] = {
    "number": {"en": "number", "ru": "номер"},
    "context": {"en": "context", "ru": "разговор"},
    "answer": {"en": "answer", "ru": "ответ"},
    "sensible": {"en": "sensible", "ru": "осмысленно"},
    "specific": {"en": "specific", "ru": "конкретно"},
    "rater": {"en": "rater", "ru": "оценщик"},
    "page": {"en": "page", "ru": "страница"},
    "item": {"en": "item", "ru": "запись"},
    "campaign": {"en": "campaign", "ru": "кампания"},
}
KEYS = {name.casefold(): key for key, names in COLUMNS.items() for name in names.values()}
NEEDED = ("campaign", "item", "answer", "sensible", "specific")
_SPEAKERS = {"human": "A", "bot": "B"}
_KNOWS = {"en": "B knows", "ru": "B знает"}
_OF = {"en": "of", "ru": "из"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """Pages for one rater, or for whoever takes them.

    Attributes:
        campaign: the pages' campaign.
        pages: ids, in the order they are to be labelled.
        rater: name; empty if it is not known yet.
    """

    campaign: Campaign
    pages: tuple[str, ...]
    rater: str = ""

    @property
    def items(self) -> tuple[Item, ...]:
        """In the order of the rows."""
        return tuple(item for page in self.pages for item in self.campaign.pages[page])

    @property
    def locale(self) -> str:
        """The language most items are in, English if it has no guidelines."""
        times = Counter(item.dialog.language for item in self.items)
        most = max(times, key=lambda name: times[name], default="en")
        return most if most in LOCALES else LOCALES[0]

    @property
    def heads(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(names[self.locale] for names in COLUMNS.values())

    def rows(self) -> Iterator[tuple[str, ...]]:
        """Cells of each row in the order of `COLUMNS`; no label is given yet."""
        items, locale = self.items, self.locale
        for number, item in enumerate(items, start=1):
            values = {
                "number": f"{number} {_OF[locale]} {len(items)}",
                "context": conversation(item.dialog, locale),
                "answer": item.text,
                "rater": self.rater,
                "page": item.page,
                "item": item.id,
                "campaign": self.campaign.id,
            }
            yield tuple(cell(values.get(key, "")) for key in COLUMNS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a sheet that came back, not yet checked; texts as they stand there.

    Attributes:
        file: name, for messages and as the labels' origin.
        place: where in the file, such as ``row 7``.
        number: ``7 of 60``, empty where the format has none.
        answer: ``None`` where the format does not bring it.
        context: the same.
        seconds: spent on it; ``None`` = not known.
    """

    file: str
    place: str
    campaign: str
    item: str
    rater: str
    sensible: str
    specific: str
    number: str = ""
    answer: str | None = None
    context: str | None = None
    seconds: float | None = None


def conversation(dialog: Dialog, locale: str = "en") -> str:
    """The context as lines ``A: ...`` and ``B: ...``, before them what B knows; the answer to judge is B's."""
    known = [f"{_KNOWS[locale]}: {_indented(fact)}" for fact in dialog.facts]
    said = [f"{_SPEAKERS[turn.speaker]}: {_indented(turn.text)}" for turn in dialog.turns]
    return "\n".join(known + said)


def turns(dialog: Dialog, locale: str = "en") -> list[tuple[str, str]]:
    """The same as pairs of who and what."""
    known = [(_KNOWS[locale], fact) for fact in dialog.facts]
    return known + [(_SPEAKERS[turn.speaker], turn.text) for turn in dialog.turns]


def _indented(text: str) -> str:
    return "\n   ".join(text.strip().splitlines())
