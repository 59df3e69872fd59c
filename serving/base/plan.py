"""Which scorers a call of `blend base score` asks for: what is given, else what was used last time, else the usual."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from blender.errors import BadBase, BadInput
from blender.index.scorers import USUAL, Scorer, build_scorer
from blender.index.scores_manifest import FOLDER, read_scores_manifest
from blender.models.precision import Precision
from blender.serving.terminal import messages, shown

_BOTH = ("perplexity.alone", "perplexity.conditional")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line says.

    Attributes:
        names: of scorers; none for those of last time.
        model: of the perplexity scorers.
        dtype: of the same.
        contexts: of the conditional one.
        settings: ``ANNOTATOR.SETTING=VALUE``.
    """

    names: Sequence[str] = ()
    model: str | None = None
    dtype: Precision | None = None
    contexts: int | None = None
    settings: Sequence[str] = ()


def planned(folder: Path, asked: Asked) -> list[Scorer]:
    """The scorers to use; a setting that is not given is the one of last time.

    Raises:
        UnknownName: there is no such scorer or setting.
        BadInput: a setting is wrong, or of a scorer that is not used.
    """
    before = _before(folder)
    names = [each for name in asked.names for each in (_BOTH if name == "perplexity" else (name,))]
    names = list(dict.fromkeys(names)) or list(before) or list(USUAL)
    given = _settings(asked.settings, names)
    lacking = [name for name, value in _shared(asked).items() if value is not None and not set(_BOTH) & set(names)]
    if lacking:
        raise BadInput(f"--{lacking[0]} is of perplexity, which is not among the scorers: {', '.join(names)}")
    return [build_scorer(name, {**before.get(name, {}), **_own(name, asked), **given.get(name, {})}) for name in names]


def _shared(asked: Asked) -> dict[str, Any]:
    return {"model": asked.model, "dtype": asked.dtype, "contexts": asked.contexts}


def _own(name: str, asked: Asked) -> dict[str, Any]:
    wanted = ("model", "dtype", "contexts") if name == "perplexity.conditional" else ("model", "dtype")
    if name not in _BOTH:
        return {}
    return {key: value for key, value in _shared(asked).items() if key in wanted and value is not None}


def _before(folder: Path) -> Mapping[str, dict[str, Any]]:
    try:
        manifest = read_scores_manifest(folder / FOLDER)
    except BadBase as fault:  # this very command mends it
        messages().print(shown(f"{fault} (which is done now)"))
        return {}
    return {note.name: note.settings for note in manifest.scorers} if manifest else {}


def _settings(given: Sequence[str], names: Sequence[str]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    problems = []
    for each in given:
        path, sign, value = each.partition("=")
        name, dot, key = path.rpartition(".")
        if not (sign and dot and name and key):
            problems.append(f"--set wants ANNOTATOR.SETTING=VALUE, got {each!r}")
        elif name not in names:
            problems.append(f"--set {each}: {name!r} is not among the scorers: {', '.join(names)}")
        else:
            found.setdefault(name, {})[key] = _value(value)
    if problems:
        raise BadInput(problems)
    return found


def _value(text: str) -> Any:
    """A number, truth or list where it reads as one, else the text."""
    try:
        return msgspec.json.decode(text.encode())
    except msgspec.DecodeError:
        return text
