"""What a system under test promises, and how one is opened from ``NAME=SPEC``."""

from __future__ import annotations

import importlib
import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from threading import Lock
from typing import Protocol

from blender.errors import BadInput, BlendError
from blender.records import Dialog
from blender.serving.record import AnswerRecord
from blender.serving.systems import KINDS, kind_of

HERE = Lock()
"""Held while a system computes on this machine. Side by side they would be no faster together, their times would say
nothing, and sources would be late that are not."""
_SAFE = re.compile(r"\w[\w.-]*")
_LONGEST = 64


class System(Protocol):
    """Answers dialogs."""

    @property
    def made_by(self) -> Mapping[str, str]:
        """Fingerprints of everything an answer depends on, by name."""
        ...

    @property
    def talks(self) -> bool:
        """Whether it can answer any dialog, as self-play needs; a file of predictions cannot."""
        ...

    def answer(self, dialogs: Sequence[Dialog]) -> list[AnswerRecord]:
        """One record a dialog, in order; ``seconds["dialog"]`` is the dialog's share of the time.

        May raise; then every dialog is asked for alone.
        """
        ...


def open_systems(given: Sequence[str], ids: Collection[str]) -> dict[str, System]:
    """The systems of ``NAME=SPEC`` texts, by name, each loaded.

    Args:
        given: as on the command line.
        ids: of the dialogs that will be asked, which a file of predictions must answer.

    Raises:
        BadInput: anything is wrong with any of them; every problem is listed, with the system's name.
    """
    specs = parse(given)
    problems: list[str] = []
    opened: dict[str, System] = {}
    for name, spec in specs.items():
        try:
            opened[name] = open_system(name, spec, ids)
        except BadInput as fault:
            problems += [f"--system {name}: {problem}" for problem in fault.problems]
        except BlendError as fault:
            problems.append(f"--system {name}: {fault}")
    if problems:
        raise BadInput(problems)
    return opened


def open_system(name: str, spec: str, ids: Collection[str]) -> System:
    """One system; raises as its kind does."""
    module, _, function = KINDS[kind_of(spec)][1].partition(":")
    system: System = getattr(importlib.import_module(module), function)(name, spec, ids)
    return system


def parse(given: Sequence[str]) -> dict[str, str]:
    """Specs by name.

    Raises:
        BadInput: a text is not ``NAME=SPEC``, or a name cannot be a folder's or comes twice; every problem is listed.
    """
    specs: dict[str, str] = {}
    problems: list[str] = []
    folders: dict[str, str] = {}
    for each in given:
        name, sign, spec = (part.strip() for part in each.partition("="))
        name = unicodedata.normalize("NFC", name)
        if not (sign and spec):
            problems.append(f"--system wants NAME=SPEC, got {each!r}; {HOW}")
            continue
        problems += _name_problems(name)
        other = folders.setdefault(name.casefold(), name) if name not in specs else name
        if name in specs or other != name:
            problems.append(f"--system {name!r} comes twice ({other!r} would be the same folder); give it another name")
        specs.setdefault(name, spec)
    if problems:
        raise BadInput(problems)
    return specs


def _name_problems(name: str) -> list[str]:
    if _SAFE.fullmatch(name) and len(name) <= _LONGEST and name.isprintable():
        return []
    return [
        f"--system {name!r:.80} cannot name a folder; use letters, digits, '-', '_' and '.', a letter or digit first, "
        f"at most {_LONGEST}"
    ]


HOW = (
    "SPEC is a preset or settings file or bundle (default, mine.toml), one source of it (default#retrieval), "
    "file:preds.csv (.jsonl, .json), or api:http://host/v1#model"
)
