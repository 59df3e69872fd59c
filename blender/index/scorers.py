"""What measures the phrases of a base, by name: a language model, or any annotator that judges an answer by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import msgspec

from blender.catalogue import annotator_catalogue
from blender.errors import BadInput, UnknownName
from blender.index.scorer_annotator import Annotated
from blender.index.scorer_language import Alone, Conditional
from blender.index.scorer_role import PhraseRow, Scorer

__all__ = ["SCORERS", "USUAL", "Alone", "Annotated", "Conditional", "PhraseRow", "Scorer", "build_scorer"]

USUAL = ("perplexity.alone", "perplexity.conditional", "toxicity", "genericness", "rarity")
"""What a base is scored with if nothing is said."""

SCORERS: dict[str, type[Alone] | type[Conditional]] = {"perplexity.alone": Alone, "perplexity.conditional": Conditional}


def build_scorer(name: str, settings: Mapping[str, Any] | None = None) -> Scorer:
    """The scorer of a name: one of a language model's, or an annotator's.

    Raises:
        UnknownName: there is none; or it has no such setting.
        BadInput: a setting has the wrong type or is out of range.
    """
    given = dict(settings or {})
    if name not in SCORERS:
        catalogue = annotator_catalogue()
        if name not in set(catalogue):
            raise UnknownName("scorer", name, [*SCORERS, *catalogue])
        catalogue.build(name, given)  # says what is wrong with the settings
        return Annotated(annotator=name, options=given)
    plugin = SCORERS[name]
    known = {each.name for each in fields(plugin)}
    for key in given:
        if key not in known:
            raise UnknownName(f"setting of scorer {name!r}:", key, known)
    try:
        made: Scorer = msgspec.convert(given, plugin)
    except msgspec.ValidationError as fault:
        raise BadInput(f"settings of scorer {name!r}: {fault}; got {given!r}") from None
    return made
