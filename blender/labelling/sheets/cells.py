"""Text in cells of a spreadsheet: never computed, never converted, and known again after it was saved there."""

from __future__ import annotations

import re

MOST_CHARACTERS = 32_000  # Excel cuts a cell at 32,767, of UTF-16: most emoji are two
_CUT = " [...]"
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|янв|фев|мар|апр|ма[йя]|июн|июл|авг|сен|окт|ноя|дек)\w*\.?"
_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r\n]")
_CONVERTED = re.compile(
    r"[\d\W_]*\d[\d\W_]*"  # numbers, dates, times, shares: 007, 1/2, 12:30, 5 %
    r"|\d+(?:[.,]\d+)?e[+-]?\d+"
    rf"|(?:\d+[\s.,/-]*)?{_MONTH}(?:[\s.,/-]*\d+){{0,2}}"
    r"|true|false|истина|ложь",
    re.IGNORECASE,
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")


def cell(text: str) -> str:
    """The text as it stands in a cell.

    A leading apostrophe keeps a spreadsheet from computing it (it begins with = + - @, a tab or a line break) and from
    converting it (007, 1/2, 12e4, 5 May, true). Control characters, which XLSX cannot hold, become spaces; what is
    longer than a cell is cut.

    >>> cell("=1+1"), cell("007"), cell("No. 7")
    ("'=1+1", "'007", 'No. 7')
    """
    kept = _CONTROL.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n"))
    units = kept.encode("utf-16-le", "surrogatepass")
    if len(units) > 2 * MOST_CHARACTERS:
        kept = units[: 2 * MOST_CHARACTERS].decode("utf-16-le", "ignore") + _CUT
    return f"'{kept}" if _kept_from(kept) or _kept_from(text) else kept


def restored(text: str) -> str:
    """A name or an id as it was before `cell`, without white space around it."""
    stripped = text.strip()
    inner = stripped[1:]
    return inner if stripped.startswith("'") and _kept_from(inner) else stripped


def same(found: str, text: str) -> bool:
    """Whether a cell holds this text still: white space and a leading apostrophe do not count, programs change them."""
    return _letters(found) in (_letters(cell(text)), _letters(text))


def is_formula(text: str) -> bool:
    """Whether a spreadsheet might compute it."""
    return bool(_FORMULA.match(text))


def _kept_from(text: str) -> bool:
    return is_formula(text) or bool(_CONVERTED.fullmatch(text.strip()))


def _letters(text: str) -> str:
    return "".join(_CONTROL.sub(" ", text).split()).lstrip("'")
