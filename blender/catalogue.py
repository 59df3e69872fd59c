"""A catalogue maps a name to ``"module:Class"``, imported when asked for; entry points of others join it."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from importlib.metadata import entry_points
from typing import Any, get_args, get_type_hints

import msgspec

from blender.errors import BadInput, BlendError, UnknownName
from blender.own_columns import COLUMN_NAME

logger = logging.getLogger(__name__)
_PROMISED = {
    "annotator": ("columns", "fingerprint", "annotate"),
    "source": ("propose",),
    "guard": ("needs", "check"),
    "ranker": ("needs", "score"),
}
_USERS = "user"  # whose columns candidates bring
_NOT_IN_NAMES = ', : [ ] { } " ~ #'


class Catalogue:
    """Plug-ins of one role by name.

    Args:
        role: what the entries are, for messages: ``annotator``, ``source``, ``guard``, ``ranker``.
        entries: name to ``"module:Class"``.

    Other distributions add theirs through the entry-point group ``blender.ROLE``.
    """

    def __init__(self, role: str, entries: Mapping[str, str]) -> None:
        self.role = role
        self._own = dict(entries)

    @cached_property
    def _entries(self) -> dict[str, str]:
        found = {entry.name: entry.value for entry in entry_points(group=f"blender.{self.role}")}
        for name in found.keys() & self._own.keys():
            logger.warning(
                "the %s %r of another distribution (%s) is not used: its name is taken", self.role, name, found[name]
            )
        return found | self._own

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._entries))

    def as_declared(self, names: Iterable[str]) -> list[str]:
        """Each of the names once, in the order of the entries; those that are none, and those of others, come last."""
        places = {name: at for at, name in enumerate(self._own)}
        return sorted(dict.fromkeys(names), key=lambda name: places.get(name, len(places)))

    def find(self, name: str) -> Any:
        """Import and return the class called ``name``.

        Raises:
            UnknownName: no entry has that name; the message names the nearest.
            BadInput: it cannot be imported, or is no plug-in of this role.
        """
        entries = self._entries
        if name not in entries:
            raise UnknownName(self.role, name, entries)
        module, _, attribute = entries[name].partition(":")
        try:
            plugin = getattr(importlib.import_module(module), attribute)
        except BlendError:
            raise
        except Exception as error:  # whatever another distribution's module raises
            raise BadInput(self._broken(name, f"{type(error).__name__}: {error}")) from error
        if not dataclasses.is_dataclass(plugin):
            raise BadInput(self._broken(name, "it is no dataclass, whose fields are its settings"))
        return plugin

    def _broken(self, name: str, why: str) -> str:
        return (
            f"the {self.role} {name!r} ({self._entries[name]}) cannot be used: {why}. Mend or remove the distribution "
            f"that brings it (entry points blender.{self.role})"
        )

    def usable(self) -> Iterator[str]:
        """The names that can be built with their default settings; others' that cannot are passed over and logged."""
        for name in self:
            try:
                self.build(name)
            except BlendError as fault:
                if name in self._own:
                    raise
                logger.warning("%s", fault)
            else:
                yield name

    def build(self, name: str, settings: Mapping[str, Any] | None = None) -> Any:
        """Make the plug-in called ``name``; ``settings`` are its fields, the rest keep their defaults.

        Raises:
            UnknownName: no such plug-in, or no such setting.
            BadInput: a setting has the wrong type or is out of range.
        """
        plugin = self.find(name)
        given = dict(settings or {})
        known = {field.name for field in dataclasses.fields(plugin)}
        for key in given:
            if key not in known:
                raise UnknownName(f"setting of {self.role} {name!r}:", key, known)
        try:
            made = msgspec.convert(given, plugin)
        except msgspec.ValidationError as fault:
            # Not the values: an address may hold a password.
            told = ", ".join(given) or "none"
            raise BadInput(f"settings of {self.role} {name!r}: {_said(fault, plugin)}; given are {told}") from None
        # Of the class first: a property may load models.
        promised = _PROMISED.get(self.role, ())
        lacking = [part for part in promised if not (hasattr(plugin, part) or hasattr(made, part))]
        if lacking:
            raise BadInput(self._broken(name, f"it has no {' and no '.join(lacking)}"))
        if self.role == "annotator" and (wrong := _misnamed(name, made)):
            raise BadInput(self._broken(name, wrong))
        return made


def _misnamed(name: str, annotator: Any) -> str:
    """What a bundle could not carry of the names of an annotator and its columns; empty: nothing."""
    columns = [column.name for column in annotator.columns]
    if name == _USERS or "." in name or not COLUMN_NAME.fullmatch(name):
        return (
            f"its columns are called NAME.COLUMN; NAME must be without dots, blanks and any of {_NOT_IN_NAMES}, and "
            f"not {_USERS!r}"
        )
    if bad := [column for column in columns if not COLUMN_NAME.fullmatch(column)]:
        got = ", ".join(map(repr, bad))
        return f"names of columns must be without blanks and without any of {_NOT_IN_NAMES}, got {got}"
    return "two of its columns have one name" if len(set(columns)) < len(columns) else ""


def annotator_catalogue() -> Catalogue:
    """The catalogue of annotators, found by name: the core stands below the annotators and does not import them."""
    catalogue: Catalogue = importlib.import_module("blender.features").ANNOTATORS
    return catalogue


def fingerprint(plugin: object, *digests: str, version: int = 1) -> str:
    """Sixteen hex digits naming a plug-in's class, settings, method version and the digests of its models."""
    cls = type(plugin)
    settings = {field.name: getattr(plugin, field.name) for field in dataclasses.fields(plugin)}  # type: ignore[arg-type]
    text = msgspec.json.encode([cls.__name__, version, settings, list(digests)], order="sorted")
    return hashlib.sha256(text).hexdigest()[:16]


def _said(fault: msgspec.ValidationError, plugin: type) -> str:
    """What is wrong, with what is accepted where that is one of a few words."""
    if isinstance(fault.__cause__, BadInput):
        return "; ".join(fault.__cause__.problems)
    key = re.search(r"at `\$\.(\w+)`", str(fault))
    words = get_args(get_type_hints(plugin).get(key[1])) if key else ()
    listed = [word for word in words if isinstance(word, str)]
    return f"{fault} (accepted: {', '.join(listed)})" if listed else str(fault)
