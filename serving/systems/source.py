"""One candidate source alone as a system, ``default#retrieval``: its first candidate is the answer."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field

import msgspec

from blender import __version__
from blender.errors import UnknownName
from blender.faults import Fault, Runner
from blender.index.opening import open_base
from blender.models.reference import allow_network, resolve
from blender.proposing import Proposals, SourceSlot, propose
from blender.records import Dialog
from blender.roles import Incomplete
from blender.serving.record import AnswerRecord
from blender.serving.systems.records import failed_record, system_record
from blender.serving.systems.system import HERE
from blender.serving.terminal import messages, plain
from blender.settings import Settings
from blender.sources import SOURCES
from blender.sources.api import Api


@dataclass(frozen=True, kw_only=True)
class OneSource:
    """Answers with the first candidate of a source; the others stay in the pool of the record.

    Attributes:
        name: of the source, as its settings call it.
        slot: the source and its k.
        timeout: seconds it may take for one dialog.
        max_characters: longer contexts are cut at the oldest end.
    """

    name: str
    slot: SourceSlot
    timeout: float
    max_characters: int
    talks: bool = True
    _runner: Runner = field(default_factory=lambda: Runner(part="source"), repr=False)

    @property
    def made_by(self) -> Mapping[str, str]:
        """Fingerprints of the source's settings, its model and its base."""
        source = self.slot.source
        fields = asdict(source)  # type: ignore[call-overload]  # a plug-in is a dataclass
        settings = [type(source).__name__, fields, self.slot.k, self.max_characters]
        made: dict[str, str] = {"response-blender": __version__, "settings": digest_of(settings)}
        model, base = getattr(source, "model", ""), getattr(source, "base", "")
        if model and not isinstance(source, Api):
            made["model"] = resolve(model).digest
        if base:
            made["base"] = open_base(base).fingerprint
        return made

    def answer(self, dialogs: Sequence[Dialog]) -> list[AnswerRecord]:
        """Ask the source; the time of a batch is shared equally by its dialogs."""
        cut = [dialog.cut(self.max_characters) for dialog in dialogs]
        if isinstance(self.slot.source, Api):
            return each_alone(self.slot.source, self.slot.k, self.name, dialogs, cut)
        with HERE:
            begun = time.perf_counter()
            found = propose(cut, {self.name: self.slot}, self._runner, self.timeout)
            share = (time.perf_counter() - begun) / len(dialogs)
        return [self._record(dialog, found, at, share) for at, dialog in enumerate(dialogs)]

    def _record(self, dialog: Dialog, found: Proposals, at: int, seconds: float) -> AnswerRecord:
        candidates = found.candidates[self.name][at]
        return system_record(
            dialog,
            candidates,
            source=self.name,
            why=f"It is the first of {len(candidates)} that {self.name} proposed." if candidates else "",
            abstained=None if found.faults[at] else f"{self.name} proposed nothing",
            faults=found.faults[at],
            seconds=seconds,
        )


def each_alone(source: Api, k: int, name: str, dialogs: Sequence[Dialog], cut: Sequence[Dialog]) -> list[AnswerRecord]:
    """Ask a server dialog by dialog, several at a time: one that fails is the only one lost, and none is paid twice."""

    def ask(dialog: Dialog, shown: Dialog) -> AnswerRecord:
        paid: list[float] = []
        begun = time.perf_counter()

        def took() -> float:
            return time.perf_counter() - begun

        try:
            (candidates,) = source.propose([shown], k, paid=paid.append)
        except Exception as fault:
            return failed_record(dialog, name, fault, cost=sum(paid), seconds=took())
        lost = candidates.why if isinstance(candidates, Incomplete) else None
        if lost and not candidates:
            return failed_record(dialog, name, lost, cost=sum(paid), seconds=took())
        faults = (Fault(part="source", name=name, reason="part", detail=f"not all came: {lost}"),) if lost else ()
        why = f"It is the first of {len(candidates)} that {name} gave."
        return system_record(dialog, candidates, source=name, why=why, faults=faults, cost=sum(paid), seconds=took())

    with ThreadPoolExecutor(source.parallel, thread_name_prefix="asking") as workers:
        return list(workers.map(ask, dialogs, cut))


def open_source(name: str, spec: str, ids: Collection[str]) -> OneSource:
    """Load one source of a blender's settings; nothing else of that blender is loaded.

    Raises:
        UnknownName: there are no such settings, or they have no source of that name.
        BlendError: the source's model or base cannot be had.
    """
    del ids
    where, _, wanted = spec.rpartition("#")
    settings = Settings.find(where)
    if wanted not in settings.sources:
        raise UnknownName(f"source of {where}:", wanted, settings.sources)
    if settings.network:
        allow_network()
    given = dict(settings.sources[wanted])
    use, k = str(given.pop("use", wanted)), given.pop("k", 8)
    messages().print(f"loading {plain(wanted)} of {plain(where)} for {plain(name)} ...")
    source = SOURCES.build(use, given)
    warm: Callable[[], None] | None = getattr(source, "warm", None)
    if warm is not None:
        warm()
    slot = SourceSlot(source=source, k=k)
    return OneSource(name=wanted, slot=slot, timeout=settings.timeout, max_characters=settings.max_characters)


def digest_of(values: object) -> str:
    """Sixteen hex digits of plain values."""
    return hashlib.sha256(msgspec.json.encode(values, order="sorted")).hexdigest()[:16]
