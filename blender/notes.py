"""Notes about a dialog: what was done to it, and what is unusual about it."""

from __future__ import annotations

from collections.abc import Iterator

from blender.records import Dialog
from blender.texts import language_tag

_LATIN = "\u024f"  # the last of the Latin letters


def dialog_notes(given: Dialog, cut: Dialog, locale: str) -> tuple[str, ...]:
    """Whether the dialog was cut, and whether its language is another than is measured here.

    Annotators and guards judge a dialog as of its language: what is of another passes them unnoticed.

    Args:
        given: as it came.
        cut: as it is read.
        locale: that of the blender.
    """
    return (*_length(given, cut), *_language(given, language_tag(locale).partition("-")[0]))


def _length(given: Dialog, cut: Dialog) -> Iterator[str]:
    if given is not cut:
        sizes = [sum(len(text) for text in dialog.texts) for dialog in (given, cut)]
        yield f"the context of {sizes[0]:,} characters was cut at its oldest end to {sizes[1]:,}"


def _language(dialog: Dialog, language: str) -> Iterator[str]:
    if dialog.language != language:
        yield (
            f"the dialog says its language is {dialog.language!r}, this blender speaks {language!r}; "
            "Dialog.of and Pool.of take a locale"
        )
    letters = [letter for letter in dialog.last if letter.isalpha()]
    if dialog.language == "en" and sum(letter > _LATIN for letter in letters) > len(letters) / 2:
        yield "the last turn is not in Latin letters, and it is judged as English: toxicity may pass"
