"""A campaign: the items of one labelling job, kept as ``campaign.jsonl``: a head line, then an item a line."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import groupby
from pathlib import Path

import msgspec

from blender.errors import BadInput
from blender.labelling.records import Form, Item
from blender.outputs import written_aside

CAMPAIGN = "campaign.jsonl"


class Head(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The first line of the file."""

    campaign: str
    name: str
    form: Form
    raters: int
    seed: int
    made: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """One labelling job.

    Attributes:
        name: for people.
        form: ``single``: one answer a page; ``pool``: all answers to one context on a page.
        raters: how many are wanted for each item.
        items: in order; those of a page stand together.
        seed: of everything random, here and in allocation.
        made: what it was made from: settings and fingerprints.
    """

    name: str
    form: Form
    raters: int
    items: tuple[Item, ...]
    seed: int = 0
    made: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        problems = []
        if self.raters < 1:
            problems.append(f"a campaign needs at least 1 rater an item, got {self.raters}")
        if not self.items:
            problems.append("a campaign needs items; there is nothing to label")
        if len(self.by_id) < len(self.items):
            problems.append("item ids must differ; some come twice")
        runs = [page for page, _ in groupby(self.items, key=lambda item: item.page)]
        if len(set(runs)) < len(runs):
            problems.append("items of one page must stand together")
        problems += [
            f"item {item.id} repeats {item.repeats!r}, which is no item"
            for item in self.items
            if item.repeats is not None and item.repeats not in self.by_id
        ]
        if problems:
            raise BadInput(problems)

    @cached_property
    def id(self) -> str:
        """Sixteen hex digits of the items; a sheet of another campaign is known by it."""
        judged = [{name: value for name, value in asdict(item).items() if name != "brought"} for item in self.items]
        text = msgspec.json.encode([judged, self.seed], order="sorted")
        return hashlib.sha256(text).hexdigest()[:16]

    @cached_property
    def by_id(self) -> Mapping[str, Item]:
        """Items by id."""
        return {item.id: item for item in self.items}

    @cached_property
    def pages(self) -> Mapping[str, tuple[Item, ...]]:
        """What raters see: items by page, in order, without empty answers, which nobody is asked about."""
        shown = (item for item in self.items if not item.empty)
        return {page: tuple(group) for page, group in groupby(shown, key=lambda item: item.page)}

    @cached_property
    def ordinary(self) -> tuple[str, ...]:
        """Pages that are neither gold nor repetitions, in order."""
        return tuple(page for page, items in self.pages.items() if items[0].scored)

    @cached_property
    def golden(self) -> tuple[str, ...]:
        """Pages of gold answers, in order."""
        return tuple(page for page, items in self.pages.items() if items[0].gold is not None)

    @cached_property
    def repeats(self) -> Mapping[str, str]:
        """The repetition of some pages, by the page repeated."""
        firsts = {page: items[0].repeats for page, items in self.pages.items() if items[0].gold is None}
        return {self.by_id[first].page: page for page, first in firsts.items() if first is not None}

    def save(self, folder: Path) -> Path:
        """Write ``campaign.jsonl`` into ``folder``, aside and renamed.

        Raises:
            BadInput: another campaign is there; labels given to it must not be lost.
            BlendError: the disk is full or the folder cannot be written.
        """
        path = folder / CAMPAIGN
        if path.exists() and Campaign.load(folder).id != self.id:
            raise BadInput(f"{path} holds another campaign; give another folder, or remove it with its labels")
        head = Head(
            campaign=self.id, name=self.name, form=self.form, raters=self.raters, seed=self.seed, made=dict(self.made)
        )
        with written_aside(path) as aside, aside.open("wb") as out:
            for line in (head, *(asdict(item) for item in self.items)):
                out.write(msgspec.json.encode(line) + b"\n")
        return path

    @classmethod
    def load(cls, folder: Path) -> Campaign:
        """Read ``campaign.jsonl`` of a folder (or that file itself).

        Raises:
            BadInput: there is none, or it is broken or was changed.
        """
        path = folder / CAMPAIGN if folder.is_dir() else folder
        try:
            lines = iter(path.read_bytes().splitlines())
        except OSError as fault:
            raise BadInput(
                f"{path} cannot be read: {fault.strerror}; give the folder that `blend label make` wrote"
            ) from None
        try:
            head = msgspec.json.decode(next(lines, b""), type=Head)
            items = tuple(_items(lines))
        except (msgspec.MsgspecError, UnicodeDecodeError) as fault:
            raise BadInput(f"{path} is no campaign: {fault}; make it again with `blend label make`") from None
        made = cls(name=head.name, form=head.form, raters=head.raters, items=items, seed=head.seed, made=head.made)
        if made.id != head.campaign:
            raise BadInput(
                f"{path} was changed since it was made; labels would go to the wrong answers. Take back the file as it "
                "was, or make a new campaign"
            )
        return made


def _items(lines: Iterator[bytes]) -> Iterator[Item]:
    for line in lines:
        yield msgspec.json.decode(line, type=Item)
