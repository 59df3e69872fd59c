"""Whether the ranker was trained on what it is judged by here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from blender.bundle import load_bundle
from blender.errors import BadInput
from blender.judging.families import seen_in_training
from blender.judging.pools import LabelledPool
from blender.manifest import MANIFEST
from blender.settings import BUNDLES


def seen(pools: Sequence[LabelledPool], predicted_by: Mapping[str, str]) -> tuple[str, ...]:
    """Families of these labels that the bundle behind the predictions was trained on; empty if none.

    Raises:
        BadInput: there are no predictions, or their bundle is not one of the packaged ones, whose data are known.
    """
    if not predicted_by:
        raise BadInput("no predictions were given")
    known: dict[str, Mapping[str, str]] = {}
    for path in sorted(BUNDLES.glob(f"*/{MANIFEST}")):
        bundle = load_bundle(path.parent)
        known[bundle.fingerprint] = bundle.data
    by = [predicted_by[name] for name in ("bundle", "own bundle") if name in predicted_by]
    if by and all(fingerprint in known for fingerprint in by):
        return seen_in_training(pools, [name for fingerprint in by for name in known[fingerprint]])
    raise BadInput("the ranker's bundle is not a packaged one; see its card for the labels it was trained on")
