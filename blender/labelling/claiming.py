"""Which page a rater gets next, when nobody said beforehand who labels what.

An ordinary page goes to a rater who has not done it, those with the fewest raters first, until it has as many as the
campaign wants; those with the page before them count for half an hour. Gold pages stand at a random place of each of
as many equal stretches as there are gold pages; a repetition comes to those who did its original, ten pages later or
when nothing else is left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from datetime import UTC, datetime, timedelta
from functools import cached_property

from blender.labelling import claims
from blender.labelling.campaign import Campaign
from blender.labelling.order import generator
from blender.labelling.store import Store
from blender.labelling.tables import sql
from blender.labelling.tally import Tally

HELD = timedelta(minutes=30)
APART = 10  # pages between a repetition and its original


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


class Claiming:
    """Hands pages out; safe for threads, and for several processes on one database."""

    def __init__(self, campaign: Campaign, store: Store, tally: Tally, clock: Callable[[], datetime] = now) -> None:
        self.campaign = campaign
        self.store = store
        self.tally = tally
        self.clock = clock
        self._orders: dict[str, dict[str, int]] = {}
        self._golds: dict[str, list[tuple[str, int]]] = {}

    def pages(self, rater: str) -> list[str]:
        """Pages a rater was given so far, in order."""
        return self.store.database.read(lambda connection: claims.handed(connection, self.campaign.id, rater))

    def hold(self, page: str, rater: str) -> None:
        """Note that a rater has turned back to an unfinished page."""
        self.store.claim(self.campaign.id, page, rater, self.clock().isoformat())

    def next(self, rater: str) -> str | None:
        """The page a rater is to do now: one that they have not finished, or a new one; ``None`` = nothing is left.

        No two raters get the last free place of a page, however many ask at once.
        """
        return self.store.database.locked(
            self.campaign.id, lambda connection: self._next(connection, rater), lasting=False
        )

    def left(self, rater: str, given: Sequence[str]) -> int:
        """How many more pages there are for a rater, should nobody else take them; gold and repetitions included."""
        seen = {*given, *self.tally.finished(rater)}
        free = self._free(seen)
        coming = seen | free
        ordinary = len(self._ordinary & coming)
        gold = [page for page, due in self._gold(rater) if page not in seen and due <= ordinary]
        again = [page for first, page in self.campaign.repeats.items() if page not in seen and first in coming]
        return len(free) + len(gold) + len(again)

    def free(self, rater: str, given: Sequence[str]) -> int:
        """How many ordinary pages are not done yet; when nothing is next, other raters hold them and may let go."""
        return len(self._free({*given, *self.tally.finished(rater)}))

    def _free(self, seen: Set[str]) -> frozenset[str]:
        return self._ordinary - seen - self.tally.taken(self.campaign.raters)

    def _next(self, connection: sql.Connection, rater: str) -> str | None:
        self.tally.catch_up(connection)
        given = claims.handed(connection, self.campaign.id, rater)
        finished = self.tally.finished(rater)
        page = next((page for page in given if page not in finished), None)
        if page is None:
            since = (self.clock() - HELD).isoformat()
            claims.let_go(connection, self.campaign.id, given[-1:], rater)
            page = self._choose(rater, given, finished, claims.claims(connection, self.campaign.id, since))
        if page is not None:
            claims.claim(connection, self.campaign.id, page, rater, self.clock().isoformat())
        return page

    def _choose(
        self, rater: str, given: Sequence[str], finished: Set[str], claimed: Sequence[tuple[str, str]]
    ) -> str | None:
        seen = finished | set(given)
        done = len(self._ordinary & seen)
        gold = (page for page, due in self._gold(rater) if due <= done and page not in seen)
        return (
            next(gold, None)
            or self._repeat(given, seen, APART)
            or self._fewest(rater, seen, claimed)
            or self._repeat(given, seen, 1)
        )

    def _fewest(self, rater: str, seen: Set[str], claimed: Sequence[tuple[str, str]]) -> str | None:
        held: dict[str, frozenset[str]] = {}
        for page, other in claimed:
            if page not in self.tally.finished(other):
                held[page] = held.get(page, self.tally.takers(page)) | {other}
        undone = self._ordinary - seen
        for count in range(self.campaign.raters):
            fit = undone - self.tally.taken(count + 1) - held.keys()
            fit |= {page for page, raters in held.items() if len(raters) == count and page in undone}
            if fit:
                return min(fit, key=self._order(rater).__getitem__)
        return None

    def _repeat(self, given: Sequence[str], seen: Set[str], apart: int) -> str | None:
        """The repetition of the earliest page given at least so many pages ago."""
        early = given[: max(len(given) - apart, 0)]
        again = self.campaign.repeats
        return next((again[page] for page in early if page in again and again[page] not in seen), None)

    def _gold(self, rater: str) -> list[tuple[str, int]]:
        """Gold pages in the order of one rater, each with the number of ordinary pages before it."""
        if rater not in self._golds:
            random = generator(self.campaign.seed, "gold", rater)
            golden = self.campaign.golden
            stretch = len(self._ordinary) / max(len(golden), 1)
            shuffled = random.sample(golden, len(golden))
            self._golds[rater] = [(page, int((at + random.random()) * stretch)) for at, page in enumerate(shuffled)]
        return self._golds[rater]

    def _order(self, rater: str) -> Mapping[str, int]:
        """Each rater has an order of their own, so that no page is always early or late."""
        if rater not in self._orders:
            pages = sorted(self._ordinary)
            generator(self.campaign.seed, "pages", rater).shuffle(pages)
            self._orders[rater] = {page: at for at, page in enumerate(pages)}
        return self._orders[rater]

    @cached_property
    def _ordinary(self) -> frozenset[str]:
        return frozenset(self.campaign.ordinary)


class Planned:
    """Hands out the pages that were given to each rater beforehand, as `blender.labelling.allocation` does."""

    def __init__(self, plan: Mapping[str, Sequence[str]], tally: Tally) -> None:
        self.plan = plan
        self.tally = tally

    def pages(self, rater: str) -> list[str]:
        """All pages of a rater, in order."""
        return list(self.plan.get(rater, ()))

    def hold(self, page: str, rater: str) -> None:
        """Nobody else gets it."""

    def next(self, rater: str) -> str | None:
        """The first page not finished; ``None`` = nothing is left."""
        finished = self.tally.finished(rater)
        return next((page for page in self.pages(rater) if page not in finished), None)

    def left(self, rater: str, given: Sequence[str]) -> int:  # noqa: ARG002 - as `Claiming.left`
        """None beyond those given."""
        return 0

    free = left
