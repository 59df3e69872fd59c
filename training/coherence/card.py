"""The model card of a tail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from blender.models.tail import TailManifest
from blender.training.report import table

KINDS = {
    "random": "of another context",
    "near": "about the same things",
    "own": "of the same conversation",
    "echo": "a turn said before",
    "broken": "the true one broken",
}


def card_lines(manifest: TailManifest) -> Iterator[str]:
    """Markdown, from what the manifest says."""
    settings, metrics = manifest.settings, manifest.metrics
    yield "# Model card of a tail"
    yield ""
    yield (
        f"{manifest.layers} layers that go on from the middle of {manifest.model}, whose own layers they were, and a "
        f"score of answers: trained for {settings['steps']:,} batches of {settings['batch']} contexts to pick the true "
        f"reply among wrong ones{_begun(settings)}, and kept as the difference in matrices of rank {settings['rank']}."
    )
    yield ""
    sizes = metrics["groups"]
    yield (
        f"Made by `python -m blender.training.coherence.train` from {manifest.data}, seed {settings['seed']}; split by "
        f"conversation: {sizes['train']:,} contexts to train on, {sizes['dev']:,} to watch, {sizes['test']:,} to "
        "measure on. No human judgement of a reply was shown to it."
    )
    yield ""
    yield (
        f"On {metrics['n']:,} contexts never seen, per cent: the true reply first (by chance "
        f"{metrics['first by chance']}), and above a wrong one of each kind:"
    )
    yield ""
    names = {"trained": "as trained", "as kept": "as kept", "likelihood": "how likely the model finds it"}
    rows = ([name, *(metrics[key].get(kind, "-") for kind in ("first", *KINDS))] for key, name in names.items())
    yield from table(["", "first", *KINDS.values()], rows)
    yield ""
    yield "## Cautions"
    yield ""
    yield "- It learnt from chats of students in English: what usually follows, not what is true, kind or interesting."
    yield "- A wrong answer drawn at random may do as well as the true one: the figures compare scores, no more."


def _begun(settings: dict[str, Any]) -> str:
    if not settings.get("start"):
        return ""
    said = f", on from another tail (sha-256 {settings['start'][:12]})"
    return f"{said}, whose {settings['seen']:,} batches of these were left out" if settings["seen"] else said
