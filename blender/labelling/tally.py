"""Who has judged what: the history, added up in memory and kept up to date by reading its tail."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from blender.labelling.campaign import Campaign
from blender.labelling.records import Label
from blender.labelling.store import entries
from blender.labelling.tables import sql


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What one rater did.

    Attributes:
        pages: finished: something was said of every item.
        judged: items judged.
        passed: items of which they said that they cannot judge them.
        seconds: spent on these, as far as it is known.
    """

    pages: int
    judged: int
    passed: int
    seconds: float


class Tally:
    """What stands now, by rater and by page; safe for threads."""

    def __init__(self, campaign: Campaign) -> None:
        self.campaign = campaign
        self._said: dict[str, dict[str, Label]] = defaultdict(dict)
        self._finished: dict[str, frozenset[str]] = defaultdict(frozenset)  # pages by rater
        self._takers: dict[str, frozenset[str]] = defaultdict(frozenset)  # raters by page
        self._taken: dict[int, frozenset[str]] = defaultdict(frozenset)  # pages by how many takers they have at least
        self._last = 0
        self._lock = threading.Lock()

    def catch_up(self, connection: sql.Connection) -> None:
        """Add what was said since; another thread may do so at the same time."""
        new = entries(connection, self.campaign.id, self._last)
        with self._lock:
            for number, label, withdrawn in new:
                if number > self._last and label.item in self.campaign.by_id:
                    self._add(label, withdrawn=withdrawn)
            self._last = max([self._last, *(number for number, _, _ in new)])

    def said(self, rater: str) -> Mapping[str, Label]:
        """What a rater said, by item."""
        with self._lock:
            return dict(self._said.get(rater, {}))

    def finished(self, rater: str) -> frozenset[str]:
        """Pages of which a rater said something to every item, be it that they cannot judge it."""
        with self._lock:
            return self._finished.get(rater, frozenset())

    def takers(self, page: str) -> frozenset[str]:
        """Raters who finished a page and judged something there; who could judge nothing takes up no place."""
        with self._lock:
            return self._takers.get(page, frozenset())

    def taken(self, times: int) -> frozenset[str]:
        """Pages that have at least so many takers."""
        with self._lock:
            return self._taken.get(times, frozenset())

    def raters(self) -> list[str]:
        """Names of all who said something, sorted."""
        with self._lock:
            return sorted(name for name, said in self._said.items() if said)

    def work(self, rater: str) -> Work:
        """What a rater did so far."""
        said = self.said(rater).values()
        judged = sum(label.judged for label in said)
        seconds = sum(label.seconds or 0.0 for label in said)
        return Work(pages=len(self.finished(rater)), judged=judged, passed=len(said) - judged, seconds=seconds)

    def _add(self, label: Label, *, withdrawn: bool) -> None:
        said = self._said[label.rater]
        if withdrawn:
            said.pop(label.item, None)
        else:
            said[label.item] = label
        page = self.campaign.by_id[label.item].page
        here = [said.get(item.id) for item in self.campaign.pages.get(page, ())]
        judged = any(each is not None and each.judged for each in here)
        self._finished[label.rater] = _with(self._finished[label.rater], page, all(here))
        before, after = self._takers[page], _with(self._takers[page], label.rater, all(here) and judged)
        self._takers[page] = after
        for times in range(min(len(before), len(after)) + 1, max(len(before), len(after)) + 1):
            self._taken[times] = _with(self._taken[times], page, len(after) >= times)


def _with(members: frozenset[str], name: str, belongs: bool) -> frozenset[str]:
    return members | {name} if belongs else members - {name}
