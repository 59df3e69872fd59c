"""What a blender is made of, read from one TOML file; unknown keys are refused with the nearest known name."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import msgspec

from blender.errors import BadBundle, BadInput, UnknownName
from blender.texts import check_text, language_tag, locale_problem

PRESETS = Path(__file__).parent / "presets"
BUNDLES = Path(__file__).parent / "bundles"
LAST_RESORT = {
    "en": "I'm not sure what to say to that. Could you tell me a bit more?",
    "ru": "Даже не знаю, что сказать. Расскажите, пожалуйста, подробнее.",
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The parts of a blender and how they work together.

    Attributes:
        bundle: folder of a trained bundle, or the name of one that comes with the package; empty for none.
        ranker: ``{"use": NAME, ...}``; ``learned`` takes the bundle's trees, the others are rules. Any of them takes
            ``"length_free": True``: what length explains of its scores in a pool is taken away. ``learned`` also takes
            ``"true_to_facts": True``, which holds it against an answer that it contradicts the dialog's facts, and
            ``"first"``, another bundle, whose ranker makes a shortlist of ``"shortlist"`` candidates (8): only these
            get the annotators that it does not read, see `blender.cascade`. ``"own"`` is a bundle made of labelled
            pools of these sources: its ranker chooses in replies, and that of ``bundle`` among what callers of
            ``choose`` bring; ``"own_first"`` is to it what ``"first"`` is to the other.
        sources: by name; ``use`` names the catalogue entry (the name itself if absent), ``k`` how many
            candidates to ask for, the rest are the source's settings.
        guards: by name, in the order they are checked; settings as for sources.
        annotators: settings over those of the bundle. A change of what they measure is refused at loading.
        locale: language of dialogs that do not say theirs, a tag such as ``en`` or ``en-GB``.
        last_resort: the editor's answer by locale, given when no candidate may be answered.
        min_sensible: abstain when the winner's P(sensible) is below, or unknown; 0 never abstains.
        max_characters: longer contexts are cut at the oldest end.
        timeout: seconds a source or an annotator may take for one dialog.
        network: whether hub models may be downloaded, then by all blenders of the process.
    """

    bundle: str = ""
    ranker: dict[str, Any] = field(default_factory=lambda: {"use": "learned"})
    sources: dict[str, dict[str, Any]] = field(default_factory=dict)
    guards: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {
            name: {} for name in ("empty", "too_long", "block_list", "toxicity", "echo", "repetition", "stuffing")
        }
    )
    annotators: dict[str, dict[str, Any]] = field(default_factory=dict)
    locale: str = "en"
    last_resort: dict[str, str] = field(default_factory=lambda: dict(LAST_RESORT))
    min_sensible: float = 0.0
    max_characters: int = 8_000
    timeout: float = 20.0
    network: bool = False

    def __post_init__(self) -> None:
        strange = locale_problem(self.locale)
        checks = {
            strange: bool(strange),
            f"min_sensible must lie between 0 and 1, is {self.min_sensible}": not 0 <= self.min_sensible <= 1,
            f"max_characters must be at least 1, is {self.max_characters}": self.max_characters < 1,
            f"timeout must be more than 0 seconds and at most a day (86400), is {self.timeout}": not (
                0 < self.timeout <= 86_400  # threads cannot wait for ever so many seconds
            ),
            "last_resort must hold at least one text, and none that is empty": not self.last_resort
            or not all(text.strip() for text in self.last_resort.values()),
        }
        problems = [problem for problem, bad in checks.items() if bad]
        problems += [f"last_resort: {problem}" for tag in self.last_resort if (problem := locale_problem(tag))]
        if problems:
            raise BadInput(problems)
        for tag, text in self.last_resort.items():
            check_text(text, f"last_resort ({tag})")
        # As the tags of dialogs are read.
        object.__setattr__(self, "last_resort", {language_tag(tag): text for tag, text in self.last_resort.items()})

    @classmethod
    def of(cls, given: Mapping[str, Any], where: str = "settings") -> Settings:
        """Check and convert plain values.

        Raises:
            UnknownName: a key is not known.
            BadInput: a value has the wrong type or is out of range.
        """
        known = {item.name for item in fields(cls)}
        for key in given:
            if key not in known:
                raise UnknownName(f"key in {where}:", key, known)
        try:
            return msgspec.convert(dict(given), cls)
        except msgspec.ValidationError as fault:
            raise BadInput(f"{where}: {fault}") from None

    @classmethod
    def read(cls, path: Path) -> Settings:
        """Read a TOML file; relative paths, but those of annotators' models, are looked for beside it first."""
        try:
            given = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        except OSError as fault:
            raise BadInput(f"the settings file {path} cannot be read: {fault.strerror}") from None
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
            raise BadInput(f"{path} cannot be read as TOML: {fault}") from None
        for part, key in _paths(given):
            name = part.get(key)
            marks = _MARKS.get(key, ("",))
            if isinstance(name, str) and name and any((path.parent / name / mark).exists() for mark in marks):
                part[key] = str(path.parent / name)
        return cls.of(given, str(path))

    @classmethod
    def find(cls, name: str | Path) -> Settings:
        """Settings by the name of a preset, the path of a TOML file, or the folder of a bundle.

        A bundle's folder takes its sources and guards from the preset ``default``.

        Raises:
            UnknownName: it is none of these.
            BadInput: the file is not there, or is no TOML.
            BadBundle: the folder holds no bundle.
        """
        path = Path(name)
        if path.suffix == ".toml":
            return cls.read(path)
        if (path / "bundle.json").is_file():
            default = tomllib.loads((PRESETS / "default.toml").read_text(encoding="utf-8"))
            return cls.of({**default, "bundle": str(path), "ranker": {}})
        preset = PRESETS / f"{name}.toml"
        if preset.is_file():
            return cls.read(preset)
        if path.is_dir():
            raise BadBundle(f"{path} is a folder without bundle.json, so no bundle; give one that `blend train` wrote")
        known = [preset.stem for preset in PRESETS.glob("*.toml")]
        raise UnknownName("blender (a preset, a settings file ending in .toml, or a bundle's folder)", str(name), known)

    def bundle_folder(self) -> Path | None:
        """The folder of the bundle, ``None`` if there is none.

        Raises:
            UnknownName: there is no such bundle.
        """
        return _known_folder(self.bundle, "bundle (one of the package, or a folder)")

    def ranker_folder(self, key: str) -> Path | None:
        """Folder of the bundle that a key under ``[ranker]`` names (``first``, ``own``, ``own_first``), or ``None``.

        Raises:
            UnknownName: there is no such bundle.
        """
        name = str(self.ranker.get(key, ""))
        return _known_folder(name, f"bundle ({key} under [ranker]: one of the package, or a folder)")


# What tells a folder from a packaged name that is spelt the same.
_MARKS = {
    "bundle": ("bundle.json",),
    "first": ("bundle.json",),
    "own": ("bundle.json",),
    "own_first": ("bundle.json",),
    "base": ("manifest.json",),
    "prompt_base": ("manifest.json",),
}


_PATHS = {
    "sources": ("base", "documents", "heads", "prompt_base", "prompt_heads", "adapter", "model"),
    "guards": ("file",),
}


def _paths(given: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Tables of a settings file, each with a key whose value is a path."""
    yield given, "bundle"
    ranker = given.get("ranker")
    if isinstance(ranker, dict):
        yield from ((ranker, key) for key in ("bundle", "first", "own", "own_first"))
    for name, keys in _PATHS.items():
        parts = given.get(name)
        for part in parts.values() if isinstance(parts, dict) else ():
            if isinstance(part, dict):
                # Behind an address the model is known by a name.
                yield from ((part, key) for key in keys if key != "model" or "base_url" not in part)


def _known_folder(name: str, what: str) -> Path | None:
    if not name:
        return None
    own, packaged = Path(name), BUNDLES / name
    folder = own if (own / "bundle.json").is_file() or not packaged.is_dir() else packaged
    if not folder.is_dir():
        raise UnknownName(what, name, [each.name for each in BUNDLES.iterdir() if each.is_dir()])
    return folder
