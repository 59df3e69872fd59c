"""Sources that draw from one language model do so side by side: a step of six samples takes no longer than of four."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from blender.deadline import Late, left
from blender.models.parts import ROWS
from blender.records import Candidate, Dialog
from blender.roles import CandidateSource

if TYPE_CHECKING:
    from blender.models.sample import Sample, SampleRequest

Lists = list[list[Candidate]]


@runtime_checkable
class Draws(CandidateSource, Protocol):
    """A source whose ``propose`` is a request to a language model, and candidates made of what it draws."""

    @property
    def drawn_by(self) -> Hashable:
        """The model: sources of whom this is equal draw from the same one."""
        ...

    def request(self, dialogs: Sequence[Dialog], k: int) -> SampleRequest:
        """What to draw for ``k`` candidates of each dialog."""
        ...

    def draw(self, requests: Sequence[SampleRequest]) -> list[list[list[Sample]]]:
        """Samples by request and dialog."""
        ...

    def collected(self, request: SampleRequest, drawn: Sequence[Sequence[Sample]]) -> Lists:
        """The candidates of each dialog."""
        ...


class Together:
    """Several sources' proposals for some dialogs by one pass.

    Whoever is called first draws for all, the others wait for it; so what is drawn beside what, and with it every
    rounding, does not depend on who came first. A request that fails costs its own source; should the pass fail, each
    draws alone.
    """

    def __init__(self, dialogs: Sequence[Dialog], sources: Mapping[str, tuple[Draws, int]]) -> None:
        self._dialogs = dialogs
        self._sources = sources
        self._lock = Lock()
        self._found: dict[str, Lists | Exception] = {}

    def propose(self, name: str) -> Lists:
        """The proposals of one of the sources.

        Raises:
            Late: the deadline is over, and whoever draws is not done.
        """
        rest = left()
        if not self._lock.acquire(timeout=-1 if rest is None else rest):
            raise Late("another source still draws for this one")
        try:
            if not self._found:
                self._found = self._all()
        finally:
            self._lock.release()
        found = self._found[name]
        if isinstance(found, Exception):
            raise found
        return found

    def _all(self) -> dict[str, Lists | Exception]:
        requests: dict[str, SampleRequest] = {}
        found: dict[str, Lists | Exception] = {}
        for name, (source, k) in self._sources.items():
            try:
                requests[name] = source.request(self._dialogs, k)
            except Exception as error:
                found[name] = error
        return {**found, **(self._drawn(requests) if requests else {})}

    def _drawn(self, requests: Mapping[str, SampleRequest]) -> dict[str, Lists | Exception]:
        any_source, _ = self._sources[next(iter(requests))]
        try:
            drawn = any_source.draw(list(requests.values()))
            each = zip(requests.items(), drawn, strict=True)
            return {name: self._sources[name][0].collected(request, samples) for (name, request), samples in each}
        except Exception as error:
            if isinstance(error, Late) or len(requests) == 1:
                return dict.fromkeys(requests, error)
            return {own: found for name in requests for own, found in self._drawn({name: requests[name]}).items()}


def proposing(
    dialogs: Sequence[Dialog], sources: Mapping[str, tuple[CandidateSource, int]]
) -> dict[str, Callable[[], Lists]]:
    """A call for each source and its number of candidates; of those that share a model, one draws for all.

    Of so many dialogs that a pass would not hold all their samples, each source draws its own, beside what the others
    do between their passes.
    """
    shared: dict[Hashable, dict[str, tuple[Draws, int]]] = {}
    for name, (source, k) in sources.items():
        if isinstance(source, Draws):
            shared.setdefault(source.drawn_by, {})[name] = (source, k)
    calls: dict[str, Callable[[], Lists]] = {
        name: partial(source.propose, dialogs, k) for name, (source, k) in sources.items()
    }
    for group in shared.values():
        if len(group) > 1 and len(dialogs) * sum(k for _, k in group.values()) <= ROWS:
            together = Together(dialogs, group)
            calls |= {name: partial(together.propose, name) for name in group}
    return calls
