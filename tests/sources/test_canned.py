from __future__ import annotations

import pytest

from blender.errors import BadInput
from blender.records import Dialog
from blender.sources import SOURCES
from blender.sources.canned import ANSWERS, Canned


def texts(source: Canned, locale: str, k: int = 5) -> list[str]:
    return [candidate.text for candidate in source.propose([Dialog.of("Hm.", locale=locale)], k)[0]]


def test_answers_come_in_the_language_of_the_dialog() -> None:
    assert texts(Canned(), "en") == list(ANSWERS["en"])
    assert texts(Canned(), "ru-RU") == list(ANSWERS["ru"])
    assert texts(Canned(), "fr") == list(ANSWERS["en"]), "an unknown language gets the first"
    assert texts(Canned(), "en", k=1) == [ANSWERS["en"][0]]


def test_the_editor_sets_them() -> None:
    source = SOURCES.build("canned", {"answers": {"pt-BR": ["Oi."], "pt": ["Olá.", "Desculpe."]}})
    assert texts(source, "pt-BR") == ["Oi."]
    assert texts(source, "pt-PT") == ["Olá.", "Desculpe."]
    spelt = SOURCES.build("canned", {"answers": {"en": ["Hello."], "pt_BR": ["Oi."], "RU": ["Привет."]}})
    assert [texts(spelt, locale) for locale in ("pt_BR", "pt-BR", "ru-RU")] == [["Oi."], ["Oi."], ["Привет."]]
    first, second = source.propose([Dialog.of("Hm.", locale="pt")], 2)[0]
    assert (first.kind, first.source, first.rank, second.rank) == ("canned", "canned", 0, 1)


@pytest.mark.parametrize("answers", [{}, {"en": []}, {"en": ["Fine.", " "]}])
def test_empty_answers_are_refused(answers: dict[str, list[str]]) -> None:
    with pytest.raises(BadInput, match="canned answers"):
        SOURCES.build("canned", {"answers": answers})
