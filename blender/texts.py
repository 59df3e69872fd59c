"""Text as it is accepted: what no model or file could carry is refused, and tags of languages are read alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from blender.errors import BadInput

T = TypeVar("T")


def check_text(text: object, what: str) -> None:
    """Refuse what no model or file could carry: non-text, lone surrogates, NUL.

    Raises:
        BadInput: ``text`` is not such a text.
    """
    if not isinstance(text, str):
        raise BadInput(f"{what} must be text (str), got {type(text).__name__}: {text!r:.80}")
    if "\x00" in text:
        raise BadInput(f"{what} holds a NUL character at position {text.index(chr(0))}; remove it")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as fault:
        if 0xDC80 <= ord(text[fault.start]) <= 0xDCFF:  # how Python keeps bytes of a file that are no UTF-8
            raise BadInput(
                f"{what} holds the byte 0x{ord(text[fault.start]) - 0xDC00:02X} at position {fault.start}, which is no "
                f"UTF-8 (a lone surrogate, U+{ord(text[fault.start]):04X}); save the file as UTF-8"
            ) from None
        raise BadInput(
            f"{what} holds a lone surrogate (U+{ord(text[fault.start]):04X}) at position {fault.start}; "
            "decode the input as UTF-8 or replace the character"
        ) from None


def several(given: Iterable[T], what: str) -> tuple[T, ...]:
    """What was given, as a tuple.

    Raises:
        BadInput: it is one text, whose letters would be taken for texts, a mapping or a data frame, whose names would
            be, or no list at all.
    """
    if isinstance(given, str | bytes):
        raise BadInput(f"{what} must be a list of texts, got one: {given!r:.80}; put it in brackets")
    if not isinstance(given, Iterable) or isinstance(given, Mapping) or getattr(given, "ndim", 1) != 1:
        raise BadInput(f"{what} must be a list, got {given!r:.80}")
    return tuple(given)


def locale_problem(tag: str) -> str:
    """What is wrong with the tag of a language (BCP 47), empty if there is one.

    >>> locale_problem("en-GB")
    ''
    """
    from langcodes import tag_is_valid

    if tag_is_valid(tag):
        return ""
    return f"locale {tag!r} is no tag of a language; give one such as en, ru or en-GB (BCP 47)"


def check_locale(tag: str | None) -> str | None:
    """The tag of a language as it is compared (`language_tag`); ``None`` stays.

    Raises:
        BadInput: there is no such tag.
    """
    if tag is None:
        return None
    if problem := locale_problem(tag):
        raise BadInput(problem)
    return language_tag(tag)


def language_tag(locale: str) -> str:
    """A tag as it is compared: ``ru-RU`` for ``ru_RU``, ``ru`` for ``RU``."""
    language, mark, rest = locale.replace("_", "-").partition("-")
    return language.lower() + mark + rest
