"""The engine: propose, pool, annotate, guard, rank, choose. A single reply is a batch of one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import NoReturn

from blender.annotation import annotate
from blender.assembly import Parts, assemble, probe
from blender.cascade import words_to_read
from blender.choosing import Judged, choose_one, guard_all, judge_all
from blender.deadline import awaited, left, within
from blender.errors import BadInput
from blender.faults import Fault, Runner
from blender.notes import dialog_notes
from blender.pace import Pace
from blender.pooling import pool_all
from blender.proposing import propose
from blender.records import Candidate, Dialog, Pool, Turn
from blender.roles import needs_facts
from blender.selection import Selection
from blender.settings import Settings
from blender.shortlisting import Shortlisting
from blender.texts import several

Turns = str | Sequence[str | Turn] | Dialog
_CHOOSING = "choosing"
# For giving back, on a machine that others use too: a share of what is left, at least and at most so many seconds.
_SHARE, _ROOM = 0.125, (0.004, 0.02)


@dataclass(frozen=True, kw_only=True)
class Blender:
    """Chooses answers; immutable after loading, so threads may share it.

    >>> blender = Blender.load("default")                                # doctest: +SKIP
    >>> blender.reply(["Hi! Any trail you would recommend?"]).text       # doctest: +SKIP
    """

    settings: Settings
    parts: Parts = field(repr=False)
    _proposing: Runner = field(default_factory=lambda: Runner(part="source"), repr=False)
    _annotating: Runner = field(default_factory=lambda: Runner(part="annotator"), repr=False)
    _pace: Pace = field(default_factory=Pace, repr=False)
    _by_source: bool = field(default=False, repr=False)

    @classmethod
    def load(cls, name: str | Path = "default", *, warm: bool = True) -> Blender:
        """Load a blender by the name of a preset, the path of a settings file, or a bundle's folder.

        Args:
            name: ``default``, ``fast``, ``russian``, ``mine.toml`` or the folder ``blend train`` wrote.
            warm: load every model now, so that the first answer is not late.

        Raises:
            UnknownName: there is no such blender, or a settings file names what does not exist.
            BadInput: the settings file cannot be read, or holds a value that is not accepted.
            BadBundle: the bundle is broken, or was trained with other models than those at hand.
            MissingPackage: a guard or a source needs a model that is not installed.
        """
        return cls.of(Settings.find(name), warm=warm)

    @classmethod
    def of(cls, settings: Settings, *, warm: bool = True) -> Blender:
        """Make a blender from settings; raises as ``load`` does."""
        blender = cls(settings=settings, parts=assemble(settings))
        if warm:
            blender.parts.warm(settings.locale, promised=bool(settings.min_sensible))
            blender._learn_pace()
        return blender

    def __copy__(self) -> Blender:
        """Itself: nothing of it changes."""
        return self

    def __deepcopy__(self, memo: object) -> Blender:
        """Itself, too."""
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a blender holds models and threads, and is not pickled: load it in each process")

    def measuring_all(self) -> Blender:
        """The same without a shortlist: all annotators measure every candidate, and one ranker scores them all.

        For who wants scores and probabilities of every candidate alike, not a choice.
        """
        if self.parts.cascade is None:
            return self
        # A runner of its own: dear annotators' pace goes by candidates now.
        runner = Runner(part="annotator")
        return replace(self, parts=self.parts.without_shortlist(), _annotating=runner)

    def by_source(self) -> Blender:
        """The same for logs and labels of its own answers.

        ``choose_pools`` then ranks pools whose candidates all name one of the sources as replies are ranked; else who
        brings candidates may call them what they like.
        """
        return replace(self, _by_source=True)

    def _learn_pace(self) -> None:
        """Time each part alone, lest the first callers with a deadline begin all that is slow at once to find out."""
        pool = probe(self.settings.locale, first=100)  # not the one that warmed the models: they remember it
        for name, slot in self.parts.sources.items():
            estimate = getattr(slot.source, "expected_seconds", None)
            if estimate is not None:
                self._proposing.pace.took(name, estimate())
            elif hasattr(slot.source, "warm"):  # others would need the network
                self._proposing.run({name: partial(slot.source.propose, [pool.dialog], slot.k)}, self.settings.timeout)
        told = replace(pool, dialog=replace(pool.dialog, facts=pool.dialog.texts))
        for name, annotator in (self.parts.own or self.parts).annotators.items():
            read = told if needs_facts(annotator) else pool
            work = words_to_read([read]) if name in self.parts.dear else len(read)
            self._annotating.run({name: partial(annotator.annotate, [read])}, self.settings.timeout, work=work)

    def reply(self, turns: Turns, *, facts: Sequence[str] = (), deadline: float | None = None) -> Selection:
        """Answer one dialog. Strings alternate speakers and end with the human.

        Args:
            turns: oldest first.
            facts: persona, documents; a ``Dialog`` has its own.
            deadline: seconds in which the answer is to be there. Sources that are late cost their candidates,
                annotators their columns (NaN); what usually takes longer is not begun. The answer is ranked among
                what came. As long as it takes if not given.

        Raises:
            BadInput: the context is empty, ends with the bot, or holds what is not text; or ``deadline`` is not a
                number above 0.
        """
        dialog = Dialog.of(turns, facts=facts, locale=self.settings.locale)
        return self.reply_batch([dialog], deadline=deadline)[0]

    async def areply(self, turns: Turns, *, facts: Sequence[str] = (), deadline: float | None = None) -> Selection:
        """As ``reply``, in one of asyncio's few threads: waiting for one uses the deadline up, cancelling ends it."""
        with within(deadline), awaited():
            return await asyncio.to_thread(self.reply, turns, facts=facts)

    def reply_batch(self, dialogs: Iterable[Turns], *, deadline: float | None = None) -> list[Selection]:
        """Answer many dialogs; ``deadline`` is for all of them.

        The outcome of each is the same as alone, but for rounding: a language model that computes in bfloat16 may draw
        other samples where others stand beside them. Equal batches give equal answers.
        """
        with within(deadline):
            given = [Dialog.of(dialog, locale=self.settings.locale) for dialog in several(dialogs, "dialogs")]
            cut = [dialog.cut(self.settings.max_characters) for dialog in given]
            begun = time.perf_counter()
            timeout, hurry = self._time_to_propose(len(cut))
            proposals = propose(cut, self.parts.sources, self._proposing, timeout, hurry=hurry)
            pools = pool_all(cut, proposals.candidates)
            seconds = {"propose": time.perf_counter() - begun, **proposals.seconds}
            locale = self.settings.locale
            notes = [dialog_notes(before, after, locale) for before, after in zip(given, cut, strict=True)]
            own = [self.parts.own or self.parts] * len(pools)
            return self._choose(pools, own, notes, proposals.faults, seconds)

    def choose(
        self,
        context: Turns,
        candidates: Iterable[str | Candidate],
        *,
        facts: Sequence[str] = (),
        deadline: float | None = None,
    ) -> Selection:
        """Choose among the caller's own candidates; no source is asked, the pool keeps their order.

        Of equal texts a shortlist has one alone, so the others' scores are lower. ``facts`` and ``deadline`` are
        those of ``reply``.
        """
        dialog = Dialog.of(context, facts=facts, locale=self.settings.locale)
        return self.choose_pools([Pool.of(dialog, candidates)], deadline=deadline)[0]

    async def achoose(
        self,
        context: Turns,
        candidates: Iterable[str | Candidate],
        *,
        facts: Sequence[str] = (),
        deadline: float | None = None,
    ) -> Selection:
        """As ``choose``, in a thread as ``areply`` is."""
        with within(deadline), awaited():
            return await asyncio.to_thread(self.choose, context, candidates, facts=facts)

    def choose_pools(self, pools: Iterable[Pool], *, deadline: float | None = None) -> list[Selection]:
        """Choose in many pools; they may be of unequal size, and empty. ``deadline`` is for all of them.

        Raises:
            BadInput: one is no ``Pool``; ``Pool.of(turns, candidates, locale=...)`` makes them.
        """
        with within(deadline):
            given = several(pools, "pools")
            for pool in given:
                if not isinstance(pool, Pool):
                    raise BadInput(
                        f"pools must be Pool records, got {pool!r:.80}; make them with Pool.of(turns, texts)"
                    )
            limit = self.settings.max_characters
            cut = [Pool(dialog=pool.dialog.cut(limit), candidates=pool.candidates) for pool in given]
            each, locale = zip(given, cut, strict=True), self.settings.locale
            notes = [dialog_notes(before.dialog, after.dialog, locale) for before, after in each]
            by = [self.parts.ranking(pool) if self._by_source else self.parts for pool in cut]
            return self._choose(cut, by, notes, [()] * len(cut), {})

    def _choose(
        self,
        pools: Sequence[Pool],
        by: Sequence[Parts],
        notes: Sequence[tuple[str, ...]],
        faults: Sequence[tuple[Fault, ...]],
        seconds: Mapping[str, float],
    ) -> list[Selection]:
        """Choose in each pool by the parts that are named for it: its own, or ``own``."""
        found: dict[int, Selection] = {}
        for parts in (self.parts, self.parts.own):
            at = [number for number, each in enumerate(by) if each is parts]
            if parts is None or not at:
                continue
            judged = replace(self, parts=parts)._judge([pools[number] for number in at])
            for number, each in zip(at, judged, strict=True):
                note, fault = notes[number], faults[number]
                found[number] = choose_one(
                    pools[number], each, parts, self.settings, notes=note, faults=fault, seconds=seconds
                )
        return [found[number] for number in range(len(pools))]

    def _judge(self, pools: Sequence[Pool]) -> list[Judged]:
        """Annotate, guard and score."""
        begun = time.perf_counter()
        timeout, hurry = self._time_to_annotate(pools)
        annotation = annotate(
            pools,
            self.parts.quick,
            user_columns=self.parts.user_columns,
            runner=self._annotating,
            timeout=timeout,
            hurry=hurry,
            first={name for guard in self.parts.guards.values() for name in guard.needs},
        )
        guarded = guard_all(pools, annotation.matrix, self.parts)
        ranker = self.parts.ranker
        if self.parts.cascade:
            shortlisting = Shortlisting(
                cascade=self.parts.cascade, dear=self.parts.dear, runner=self._annotating, time=self._time_to_annotate
            )
            annotation, ranker = shortlisting.measure(pools, annotation, guarded.blocked)
        annotated = time.perf_counter()
        judged = judge_all(pools, annotation, guarded, ranker)
        if any(map(len, pools)):
            self._pace.took(_CHOOSING, guarded.seconds + time.perf_counter() - annotated, sum(map(len, pools)))
        measuring = annotated - begun - guarded.seconds
        return [replace(each, seconds={"annotate": measuring, **each.seconds}) for each in judged]

    def _time_to_propose(self, dialogs: int) -> tuple[float, bool]:
        """Seconds for each dialog, and whether they end at a deadline: what is quick to judge keeps its time.

        Half of what is left goes to the sources however slow the rest once was: without candidates nothing is judged,
        and an estimate that was too high would never be corrected.
        """
        usual, rest = self.settings.timeout, left()
        if rest is None:
            return usual, False
        rows = dialogs * sum(slot.k for slot in self.parts.sources.values())
        expected = [self._annotating.pace.expected(name, rows) for name in self.parts.quick]
        quick = sum(seconds for seconds in expected if seconds < rest / 4)
        return min(usual, max(rest / 2, 0.85 * rest - quick - self._time_to_choose(rows, rest)) / max(1, dialogs)), True

    def _time_to_annotate(self, pools: Sequence[Pool]) -> tuple[float, bool]:
        usual, rest = self.settings.timeout * max(1, len(pools)), left()
        if rest is None:
            return usual, False
        return min(usual, max(rest / 2, rest - self._time_to_choose(sum(map(len, pools)), rest))), True

    def _time_to_choose(self, rows: int, rest: float) -> float:
        """Guarding, ranking and giving back, with room for a busy moment; ``rest`` is what is left for all."""
        return min(max(_ROOM[0], _SHARE * rest), _ROOM[1]) + 2 * self._pace.expected(_CHOOSING, rows)
