"""The model card of a reply encoder."""

from __future__ import annotations

from collections.abc import Iterator

from blender.models.tuned import TunedManifest
from blender.training.report import table
from blender.training.tune.recall import AMONG, LEVELS


def card_lines(manifest: TunedManifest) -> Iterator[str]:
    """Markdown, from what the manifest says."""
    settings, sizes = manifest.settings, manifest.metrics["pairs"]
    yield "# Model card of a reply encoder"
    yield ""
    yield (
        f"{manifest.encoder}, all layers but the word embeddings trained for {settings['steps']} batches of "
        f"{settings['batch']} pairs to pick the reply of a context among those of the batch, and kept as the "
        f"difference from it in matrices of rank {settings['rank']}. It reads the newest "
        f"{manifest.turns} turns of a context, newest first, up to {manifest.tokens} tokens."
    )
    yield ""
    yield (
        f"Made by `python -m blender.training.reply.train` from {manifest.data}, seed {settings['seed']}; split by "
        f"conversation into {sizes['train']} pairs to train on, {sizes['dev']} to watch and {sizes['test']} to measure "
        "on. No human judgement of a reply was shown to it."
    )
    yield ""
    yield f"Recall of the true reply among {AMONG:,} of the test part, per cent, with 95 % intervals:"
    yield ""
    rows = []
    for name in ("before", "trained", "as kept"):
        row = manifest.metrics[name]
        cells = ["{:.1f} ({:.1f} to {:.1f})".format(*(100 * x for x in row[f"recall@{level}"])) for level in LEVELS]
        rows.append([name, row["n"], *cells])
    yield from table(["", "n", *(f"at {level}" for level in LEVELS)], rows)
    yield ""
    yield "## Cautions"
    yield ""
    yield "- It learnt from chats of students in English: what usually follows, not what is true, kind or interesting."
    yield "- A true reply has rivals that would do as well: recall tells which encoder is better, no more."
