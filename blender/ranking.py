"""From settings to the ranker: a rule, or that of a bundle, behind whatever the settings put before and around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from blender.baselines import RANKERS, BestFeature, annotator_of
from blender.bundle import Bundle
from blender.cascade import FEWEST, SHORTLIST, Cascade
from blender.errors import BadBundle, BadInput, UnknownName
from blender.lamda import Lamda
from blender.length_free import LengthFree
from blender.roles import Column, Ranker
from blender.settings import Settings
from blender.true_to_facts import ANNOTATOR, TrueToFacts

_OF_TWO = ("first", "shortlist")
_OF_OWN = ("own", "own_first")
_KEYS = ("first", "length_free", "own", "own_first", "shortlist", "true_to_facts", "use")


def ranker_of(settings: Settings, bundle: Bundle | None, first: Bundle | None, guarding: Sequence[str]) -> Ranker:
    """The ranker of the settings, behind that of the bundle ``first`` if there is one.

    Args:
        settings: as given.
        bundle: of the ranker ``learned``.
        first: makes the shortlist.
        guarding: annotators that guards read, of every candidate.
    """
    _check_keys(settings, bundle, first)
    given = {key: value for key, value in settings.ranker.items() if key not in {*_OF_TWO, *_OF_OWN}}
    length_free, true_to_facts = (_switch(given, name) for name in ("length_free", "true_to_facts"))
    ranker = _with_any_length(str(given.pop("use", "learned")), given, bundle)
    ranker = _length_free(ranker) if length_free else ranker
    if true_to_facts and bundle and ANNOTATOR not in bundle.annotators:  # else it has learnt what to make of facts
        ranker = TrueToFacts(ranker=ranker)
    if first is None:
        return ranker
    shortlisting = _length_free(first.ranker) if length_free else first.ranker
    dear = tuple(name for name in ranker.needs if name not in {*shortlisting.needs, *guarding})
    if not dear:
        raise BadInput(
            "the ranker that makes the shortlist and the guards read all that the ranker itself "
            f"reads ({', '.join(ranker.needs)}): nothing is left for a shortlist. Leave first out, or name a bundle of "
            "fewer annotators"
        )
    return Cascade(first=shortlisting, last=ranker, dear=dear, size=_shortlist_size(settings))


def _check_keys(settings: Settings, bundle: Bundle | None, first: Bundle | None) -> None:
    """Refuse keys that say nothing here."""
    given, use = settings.ranker, settings.ranker.get("use", "learned")
    plainly = f"got use = {use!r}, bundle = {settings.bundle!r}"
    learned = bundle is not None and use == "learned"
    if wrong := [key for key in _OF_TWO if key in given and not (first and learned)]:
        raise BadInput(
            f"{' and '.join(wrong)} under [ranker] needs the ranker 'learned' of a bundle, and first, the bundle whose "
            f"ranker makes the shortlist; {plainly}, first = {given.get('first', '')!r}"
        )
    if wrong := [key for key in _OF_OWN if key in given and not learned]:
        raise BadInput(
            f"{' and '.join(wrong)} under [ranker] needs the ranker 'learned' and a bundle, for what callers bring; "
            f"{plainly}"
        )
    if "own_first" in given and not ("own" in given and "first" in given):
        raise BadInput(
            "own_first under [ranker] makes the shortlist of what own ranks, where first makes the others'; got own = "
            f"{given.get('own', '')!r}, first = {given.get('first', '')!r}"
        )
    if given.get("true_to_facts") is True and not learned:
        raise BadInput(
            "true_to_facts = true under [ranker] needs the ranker 'learned' of a bundle, whose scores have the scale "
            f"that it was fitted for; {plainly}"
        )


def _switch(given: dict[str, Any], name: str) -> bool:
    switch = given.pop(name, False)
    if not isinstance(switch, bool):
        raise BadInput(f"{name} of the ranker must be true or false, got {switch!r}")
    return switch


def _length_free(ranker: Ranker) -> Ranker:
    return LengthFree(ranker=ranker, taste=getattr(ranker, "length_taste", 0.0))


def lent_to(ranker: Ranker) -> Bundle | None:
    """The bundle that lends a rule its heads, if one does."""
    rule = ranker.ranker if isinstance(ranker, LengthFree) else ranker
    return rule.lent if isinstance(rule, Lamda) else None


def check_column(ranker: Ranker, columns: Mapping[str, Column]) -> None:
    """Refuse a rule of one column that nobody measures: the first candidate would always win."""
    rule = ranker.ranker if isinstance(ranker, LengthFree) else ranker
    if isinstance(rule, BestFeature) and annotator_of(rule.column) and rule.column not in columns:
        raise UnknownName("column (for the ranker)", rule.column, columns)


def _shortlist_size(settings: Settings) -> int:
    size = settings.ranker.get("shortlist", SHORTLIST)
    if not isinstance(size, int) or isinstance(size, bool) or size < FEWEST:
        raise BadInput(f"shortlist of the ranker must be a whole number of at least {FEWEST}, got {size!r}")
    return size


def _with_any_length(use: str, given: dict[str, Any], bundle: Bundle | None) -> Ranker:
    if use == "learned":
        for key in given:
            raise UnknownName("setting of ranker 'learned':", key, _KEYS)
        if bundle is None:
            raise BadBundle(
                "the ranker 'learned' needs a bundle, and the settings name none. Set bundle to the folder that "
                "`blend train` wrote or to 'default', or take a rule: ranker = {use = \"rrf\"}."
            )
        return bundle.ranker
    ranker: Ranker = RANKERS.build(use, given)
    return ranker
