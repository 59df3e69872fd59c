"""What raters are told, in their language: ``en.md``, ``ru.md``. `docs/labelling.md` holds the same texts."""

from __future__ import annotations

from importlib.resources import files

LOCALES = ("en", "ru")


def guidelines(locale: str = "en") -> str:
    """The text for raters as Markdown: headings, paragraphs, lists, block quotes, bold; no HTML.

    Args:
        locale: language tag such as ``ru`` or ``ru-RU``; languages that have no text of their own get English.

    >>> guidelines("ru-RU").splitlines()[0]
    '# Осмысленно и конкретно: как оценивать ответы'
    """
    language = locale.replace("_", "-").split("-")[0].lower()
    name = language if language in LOCALES else LOCALES[0]
    return (files(__name__) / f"{name}.md").read_text(encoding="utf-8")
