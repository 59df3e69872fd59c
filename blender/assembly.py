"""From settings to parts: builds sources, annotators, guards and the ranker, and checks that they fit the bundle."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from blender.annotation import annotate
from blender.baselines import RANKERS, BestFeature, annotator_of
from blender.bundle import HEADS, Bundle, load_bundle
from blender.cascade import FEWEST, SHORTLIST, Cascade
from blender.catalogue import annotator_catalogue
from blender.errors import BadBundle, BadInput, BlendError, UnknownName
from blender.faults import described
from blender.guards import GUARDS
from blender.length_free import LengthFree
from blender.models.reference import allow_network
from blender.proposing import SourceSlot
from blender.records import Dialog, Pool
from blender.roles import Annotator, Column, Guard, Ranker, matrix_columns
from blender.settings import Settings
from blender.sources import SOURCES
from blender.true_to_facts import TrueToFacts

logger = logging.getLogger(__name__)
_OF_TWO = ("first", "shortlist")
_KEYS = ("first", "length_free", "own", "shortlist", "true_to_facts", "use")
_PROBE = {"en": ("How was your day?", "It was great, thank you!"), "ru": ("Как дела?", "Спасибо, хорошо!")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything a blender runs.

    Attributes:
        sources: by name, asked in this order; of duplicates the first source's stays.
        annotators: by name.
        guards: by name, in the order in which their reasons are given.
        ranker: scores the pools.
        columns: what each ``annotator.column`` is, for explanations and guards.
        user_columns: the ``user.NAME`` columns the ranker was trained on.
        fingerprint: of the bundle, empty without one.
        first_fingerprint: of the bundle that makes the shortlist, empty without one.
        own: the same with the ranker for pools of these sources alone; ``None``: it is this one.
    """

    sources: Mapping[str, SourceSlot]
    annotators: Mapping[str, Annotator]
    guards: Mapping[str, Guard]
    ranker: Ranker
    columns: Mapping[str, Column]
    user_columns: tuple[str, ...] = ()
    fingerprint: str = ""
    first_fingerprint: str = ""
    own: Parts | None = None

    @property
    def cascade(self) -> Cascade | None:
        """The ranker, if it is one of two stages."""
        return self.ranker if isinstance(self.ranker, Cascade) else None

    def ranking(self, pool: Pool) -> Parts:
        """Those that rank the pool: ``own`` if there are such, and every candidate names one of the sources."""
        mine = all(one.source in self.sources for one in pool.candidates)
        return self.own if self.own and mine else self

    def without_shortlist(self) -> Parts:
        """The same where one ranker scores all that every annotator measured."""
        ranker = self.cascade.last if self.cascade else self.ranker
        return replace(self, ranker=ranker, own=self.own.without_shortlist() if self.own else None)

    @property
    def dear(self) -> dict[str, Annotator]:
        """Annotators that measure a shortlist only: all but those that the first ranker and the guards read."""
        if self.cascade is None:
            return {}
        read = {*self.cascade.first.needs, *(name for guard in self.guards.values() for name in guard.needs)}
        return {name: each for name, each in self.annotators.items() if name not in read}

    @property
    def quick(self) -> dict[str, Annotator]:
        """Annotators that measure every candidate."""
        dear = self.dear
        return {name: each for name, each in self.annotators.items() if name not in dear}

    def warm(self, locale: str, *, promised: bool = False) -> None:
        """Load every model now. A part that fails is logged; it will cost its columns when asked.

        Args:
            locale: of the dialog to try it on.
            promised: whether answers depend on P(sensible), which is then looked for.
        """
        pools = [probe(locale)]
        found = annotate(pools, self.annotators, user_columns=self.user_columns, timeout=None)
        for fault in found.faults[0]:
            logger.warning("while loading: %s", fault)
        rankers = (
            self.ranker,
            *([self.cascade.first] if self.cascade else []),
            *([self.own.ranker] if self.own else []),
        )
        for ranker in rankers:
            try:
                scores = ranker.score(found.matrix, pools)
            except BlendError:
                raise  # a wrong set-up, such as a column that no annotator has
            except Exception as error:  # it will cost the order when asked
                logger.warning("while loading: the ranker raised %s", described(error))
                continue
            if ranker is self.ranker and promised and np.isnan(scores.sensible).all():
                logger.warning(
                    "min_sensible is set, but this ranker gives no P(sensible): every answer will be that of last "
                    "resort; leave it out, or name a bundle that gives probabilities"
                )
        for slot in self.sources.values():
            load = getattr(slot.source, "warm", None)
            if load is not None:  # a source that has nothing to load, or would need the network, has none
                load()


def probe(locale: str, first: int = 0) -> Pool:
    """Something to try parts on; with another ``first`` number another dialog and other candidates."""
    question, answer = _PROBE.get(locale, _PROBE["en"])
    answers = [f"{answer} {number}" for number in range(first, first + 8)]
    return Pool.of(Dialog.of(f"{question} {first}", locale=locale), answers)


def assemble(settings: Settings) -> Parts:
    """Build all parts.

    Raises:
        UnknownName: a source, guard, annotator, ranker or one of their settings does not exist.
        BadBundle: the bundle is broken, or its annotators would measure something else here.
    """
    if settings.network:
        allow_network()
    folders = (settings.bundle_folder(), *map(settings.ranker_folder, ("first", "own")))
    bundle, first, own = (load_bundle(folder) if folder else None for folder in folders)
    guards = {name: (use, given) for name, use, given in _named(settings.guards)}
    guarding = [name for use, given in guards.values() for name in GUARDS.build(use, given).needs]
    ranker = _ranker(settings, bundle, first, guarding)
    annotators = _annotators([*(bundle.annotators if bundle else {}), *ranker.needs, *guarding], settings, bundle)
    columns = matrix_columns(annotators)
    _check_column(ranker, columns)
    # Before the bundles are compared, which warns of each model that is missing: without its guard nothing can begin.
    standing = {name: _guard(use, given, annotators) for name, (use, given) in guards.items()}
    if own:
        _check_own(settings, bundle, own)
    for each in (bundle, first, own):
        if each:
            each.check(annotators)
    parts = Parts(
        sources={name: _source(use, given) for name, use, given in _named(settings.sources)},
        annotators=annotators,
        guards=standing,
        ranker=ranker,
        columns=columns,
        user_columns=bundle.user_columns if bundle else (),
        fingerprint=bundle.fingerprint if bundle else "",
        first_fingerprint=first.fingerprint if first else "",
    )
    if own is None:
        return parts
    ranker = _ranker(settings, own, first, guarding)
    return replace(parts, own=replace(parts, ranker=ranker, fingerprint=own.fingerprint))


def _check_own(settings: Settings, bundle: Bundle | None, own: Bundle) -> None:
    """It must read and give what the bundle does, for nothing more is measured, and probabilities are asked of both."""
    each = [
        (one.columns, tuple(getattr(one.ranker, name) is not None for name in HEADS)) if one else None
        for one in (bundle, own)
    ]
    if each[0] != each[1]:
        raise BadInput(
            "own under [ranker] must be a bundle that reads the same columns as the bundle, and gives the same "
            f"probabilities; got {settings.ranker['own']!r} beside bundle = {settings.bundle!r}. Make it: blend adapt "
            f"LABELS -b {settings.bundle or 'BUNDLE'} --out FOLDER, without --know-sources"
        )


def _named(given: Mapping[str, Mapping[str, Any]]) -> Iterable[tuple[str, str, dict[str, Any]]]:
    """Name, catalogue entry and settings of each part."""
    for name, values in given.items():
        rest = dict(values)
        yield name, str(rest.pop("use", name)), rest


def _source(use: str, given: dict[str, Any]) -> SourceSlot:
    k = given.pop("k", 8)
    if not isinstance(k, int) or isinstance(k, bool) or k < 1:
        raise BadInput(f"k of source {use!r} must be a whole number of at least 1, got {k!r}")
    return SourceSlot(source=SOURCES.build(use, given), k=k)


def _guard(use: str, given: dict[str, Any], annotators: Mapping[str, Annotator]) -> Guard:
    """The toxicity guard may trust a stored score only if the annotator at hand would give the same."""
    if use == "toxicity" and "toxicity" in annotators:
        given = {"fingerprint": annotators["toxicity"].fingerprint, **given}
    guard: Guard = GUARDS.build(use, given)
    return guard


def _ranker(settings: Settings, bundle: Bundle | None, first: Bundle | None, guarding: Sequence[str]) -> Ranker:
    """The ranker of the settings, behind that of the bundle ``first`` if there is one.

    Args:
        settings: as given.
        bundle: of the ranker ``learned``.
        first: makes the shortlist.
        guarding: annotators that guards read, of every candidate.
    """
    given = {key: value for key, value in settings.ranker.items() if key not in {*_OF_TWO, "own"}}
    learned = settings.ranker.get("use", "learned") == "learned"
    if wrong := [key for key in _OF_TWO if key in settings.ranker and not (first and bundle and learned)]:
        raise BadInput(
            f"{' and '.join(wrong)} under [ranker] needs the ranker 'learned' of a bundle, and first, the bundle whose "
            f"ranker makes the shortlist; got use = {settings.ranker.get('use', 'learned')!r}, bundle = "
            f"{settings.bundle!r}, first = {settings.ranker.get('first', '')!r}"
        )
    if "own" in settings.ranker and not (bundle and learned):
        raise BadInput(
            "own under [ranker] needs the ranker 'learned' and a bundle, from which the one that it names was adapted; "
            f"got use = {settings.ranker.get('use', 'learned')!r}, bundle = {settings.bundle!r}"
        )
    length_free, true_to_facts = (_switch(given, name) for name in ("length_free", "true_to_facts"))
    if true_to_facts and not (bundle and learned):
        raise BadInput(
            "true_to_facts = true under [ranker] needs the ranker 'learned' of a bundle, whose scores have the scale "
            f"that it was fitted for; got use = {settings.ranker.get('use', 'learned')!r}, bundle = {settings.bundle!r}"
        )
    ranker = _with_any_length(str(given.pop("use", "learned")), given, bundle)
    ranker = _length_free(ranker) if length_free else ranker
    ranker = TrueToFacts(ranker=ranker) if true_to_facts else ranker
    if first is None:
        return ranker
    shortlisting = _length_free(first.ranker) if length_free else first.ranker
    dear = tuple(name for name in ranker.needs if name not in {*shortlisting.needs, *guarding})
    if not dear:
        raise BadInput(
            f"the ranker of the bundle {settings.ranker['first']!r} and the guards read all that the ranker itself "
            f"reads ({', '.join(ranker.needs)}): nothing is left for a shortlist. Leave first out, or name a bundle of "
            "fewer annotators"
        )
    return Cascade(first=shortlisting, last=ranker, dear=dear, size=_shortlist_size(settings))


def _switch(given: dict[str, Any], name: str) -> bool:
    switch = given.pop(name, False)
    if not isinstance(switch, bool):
        raise BadInput(f"{name} of the ranker must be true or false, got {switch!r}")
    return switch


def _length_free(ranker: Ranker) -> Ranker:
    return LengthFree(ranker=ranker, taste=getattr(ranker, "length_taste", 0.0))


def _check_column(ranker: Ranker, columns: Mapping[str, Column]) -> None:
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


def _annotators(names: Iterable[str], settings: Settings, bundle: Bundle | None) -> dict[str, Annotator]:
    catalogue = annotator_catalogue()
    known = bundle.annotators if bundle else {}
    return {
        name: catalogue.build(name, {**known.get(name, {}), **settings.annotators.get(name, {})})
        for name in catalogue.as_declared([*names, *settings.annotators])
    }
