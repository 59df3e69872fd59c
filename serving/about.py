"""What the commands must know of a blender, so that they need not have it in their own process."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import TYPE_CHECKING

import msgspec

from blender import __version__
from blender.bundle import load_bundle
from blender.errors import BlendError

if TYPE_CHECKING:
    from blender.engine import Blender
from blender.judging.label_files import digests_together


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What the commands must know of the blender that answers.

    Attributes:
        made_by: fingerprints of everything an answer depends on, by name.
        locale: language of dialogs that do not say theirs.
        trained_on: names of the label files of its bundle.
    """

    made_by: dict[str, str]
    locale: str
    trained_on: list[str]

    @classmethod
    def of(cls, blender: Blender) -> About:
        """Ask a blender."""
        return cls(made_by=made_by(blender), locale=blender.settings.locale, trained_on=list(trained_on(blender)))


def made_by(blender: Blender) -> dict[str, str]:
    """Fingerprints of everything an answer depends on, by name.

    Two runs with the same give the same answers, but for rounding: of a language model that computes in bfloat16,
    samples may be others where other dialogs, or another number of them, stand beside one.
    """
    settings = dataclasses.asdict(blender.settings) | {"bundle": ""}  # a bundle may move; its fingerprint stays
    parts = blender.parts
    return {
        "response-blender": __version__,
        "settings": hashlib.sha256(msgspec.json.encode(settings, order="sorted")).hexdigest()[:16],
        "bundle": parts.fingerprint,
        **({"first bundle": parts.first_fingerprint} if parts.first_fingerprint else {}),
        **({"own bundle": parts.own.fingerprint} if parts.own else {}),
        **({"own first bundle": parts.own.first_fingerprint} if parts.own and parts.own.first_fingerprint else {}),
        **{f"annotator {name}": each.fingerprint for name, each in (parts.own or parts).annotators.items()},
        **{f"source {name}": _fingerprint(slot.source) for name, slot in parts.sources.items()},
        **{f"guard {name}": found for name, guard in parts.guards.items() if (found := _fingerprint(guard))},
    }


def _fingerprint(part: object) -> str:
    """Empty where it has none, or is broken: then it costs its candidates, and not the run."""
    try:
        return str(getattr(part, "fingerprint", ""))
    except BlendError:
        return ""


def trained_on(blender: Blender) -> dict[str, str]:
    """Digests by name of the label files that its bundles have seen; none without a bundle."""
    settings = blender.settings
    folders = (settings.bundle_folder(), *map(settings.ranker_folder, ("first", "own", "own_first")))
    return digests_together(*(load_bundle(folder).data for folder in folders if folder))
