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
        self._finished: dict[str, set[str]] = defaultdict(set)  # pages by rater
        self._takers: dict[str, set[str]] = defaultdict(set)  # raters by page
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
            return frozenset(self._finished.get(rater, ()))

    def takers(self) -> Mapping[str, frozenset[str]]:
        """Raters by page who finished it and judged something there; who could judge nothing takes up no place."""
        with self._lock:
            return {page: frozenset(raters) for page, raters in self._takers.items()}

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
        _set(self._finished[label.rater], page, all(here))
        _set(self._takers[page], label.rater, all(here) and any(each is not None and each.judged for each in here))


def _set(members: set[str], name: str, belongs: bool) -> None:
    if belongs:
        members.add(name)
    else:
        members.discard(name)
