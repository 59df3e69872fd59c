"""From settings to parts: builds sources, annotators, guards and the ranker, and checks that they fit the bundle."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from blender.annotation import annotate
from blender.bundle import HEADS, Bundle, load_bundle
from blender.cascade import Cascade
from blender.catalogue import annotator_catalogue
from blender.errors import BadInput, BlendError
from blender.faults import described
from blender.guards import GUARDS
from blender.models.reference import allow_network
from blender.proposing import SourceSlot
from blender.ranking import check_column, lent_to, ranker_of
from blender.records import Dialog, Pool
from blender.roles import Annotator, Column, Guard, Ranker, matrix_columns
from blender.settings import Settings
from blender.sources import SOURCES

logger = logging.getLogger(__name__)
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
        own: the same with the ranker for pools of these sources alone, and the annotators that it reads beside the
            others; ``None``: it is this one.
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
        everything = self.own.annotators if self.own else self.annotators
        found = annotate(pools, everything, user_columns=self.user_columns, timeout=None)
        for fault in found.faults[0]:
            logger.warning("while loading: %s", fault)
        both = [parts for parts in (self, self.own) if parts]
        rankers = [*(parts.ranker for parts in both), *(parts.cascade.first for parts in both if parts.cascade)]
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
    folders = (settings.bundle_folder(), *map(settings.ranker_folder, ("first", "own", "own_first")))
    bundle, first, own, own_first = (load_bundle(folder) if folder else None for folder in folders)
    guards = {name: (use, given) for name, use, given in _named(settings.guards)}
    guarding = [name for use, given in guards.values() for name in GUARDS.build(use, given).needs]
    ranker = ranker_of(settings, bundle, first, guarding)
    replies = ranker_of(settings, own, own_first or first, guarding) if own else ranker
    lent = lent_to(ranker)
    annotators = _annotators([*ranker.needs, *replies.needs, *guarding], settings, (bundle, own, lent))
    needed = {*(bundle.annotators if bundle else ()), *ranker.needs, *guarding, *settings.annotators}
    theirs = {name: each for name, each in annotators.items() if name in needed}
    columns = matrix_columns(annotators)
    check_column(ranker, columns)
    # Before the bundles are compared, which warns of each model that is missing: without its guard nothing can begin.
    standing = {name: _guard(use, given, annotators) for name, (use, given) in guards.items()}
    if own:
        _check_own(settings, bundle, own)
    for each in (bundle, first, own, own_first, lent):
        if each:
            each.check(annotators)
    parts = Parts(
        sources={name: _source(name, use, given) for name, use, given in _named(settings.sources)},
        annotators=theirs,
        guards=standing,
        ranker=ranker,
        columns=columns,
        user_columns=bundle.user_columns if bundle else (),
        fingerprint=bundle.fingerprint if bundle else "",
        first_fingerprint=first.fingerprint if first else "",
    )
    if own is None:
        return parts
    return replace(
        parts,
        own=replace(
            parts,
            annotators=annotators,
            ranker=replies,
            user_columns=own.user_columns,
            fingerprint=own.fingerprint,
            first_fingerprint=own_first.fingerprint if own_first else parts.first_fingerprint,
        ),
    )


def _check_own(settings: Settings, bundle: Bundle | None, own: Bundle) -> None:
    """It must give what the bundle does: probabilities are asked of both."""
    each = [tuple(getattr(one.ranker, name) is not None for name in HEADS) if one else None for one in (bundle, own)]
    if each[0] != each[1]:
        raise BadInput(
            "own under [ranker] must be a bundle that gives the same probabilities as the bundle; got "
            f"{settings.ranker['own']!r} beside bundle = {settings.bundle!r}. Train it on labels of the "
            "same qualities"
        )


def _named(given: Mapping[str, Mapping[str, Any]]) -> Iterable[tuple[str, str, dict[str, Any]]]:
    """Name, catalogue entry and settings of each part."""
    for name, values in given.items():
        rest = dict(values)
        yield name, str(rest.pop("use", name)), rest


def _source(name: str, use: str, given: dict[str, Any]) -> SourceSlot:
    k = given.pop("k", 8)
    if not isinstance(k, int) or isinstance(k, bool) or k < 1:
        raise BadInput(f"k of source {name!r} must be a whole number of at least 1, got {k!r}")
    try:
        return SourceSlot(source=SOURCES.build(use, given), k=k)
    except BadInput as fault:
        where = "" if name == use else f"[sources.{name}]: "
        raise BadInput([where + problem for problem in fault.problems]) from None


def _guard(use: str, given: dict[str, Any], annotators: Mapping[str, Annotator]) -> Guard:
    """The toxicity guard may trust a stored score only if the annotator at hand would give the same."""
    if use == "toxicity" and "toxicity" in annotators:
        given = {"fingerprint": annotators["toxicity"].fingerprint, **given}
    guard: Guard = GUARDS.build(use, given)
    return guard


def _annotators(names: Iterable[str], settings: Settings, bundles: Sequence[Bundle | None]) -> dict[str, Annotator]:
    """Those named, those of the bundles, with the settings of the first that has them, and those of the settings."""
    catalogue = annotator_catalogue()
    known = {name: given for each in reversed(bundles) if each for name, given in each.annotators.items()}
    return {
        name: catalogue.build(name, {**known.get(name, {}), **settings.annotators.get(name, {})})
        for name in catalogue.as_declared([*known, *names, *settings.annotators])
    }
