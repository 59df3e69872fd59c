"""Vectors for the retrieval benchmark: embeddings of real contexts and replies, and noisy copies of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from blender.index.context import embed_contexts
from blender.index.demo import demo_phrases
from blender.index.packaged import SETTINGS
from blender.matrix import Floats
from blender.models.cache import cache_folder, make_once, text_digest

Side = Literal["contexts", "replies"]
SEED = 5
COSINE = 0.8  # of a copy with its original
HELD_OUT = 500  # pairs at the end of the corpus; chats stay whole there but for the first one cut
_CHUNK = 50_000


def embedded(side: Side) -> tuple[Floats, Floats]:
    """Embeddings of the distinct contexts or replies of the chitchat corpus, and of those held out of it.

    The 4-to-25-word replies of `blender.index.demo` and the contexts of up to three turns they answered; held out
    are the last 500 pairs, less the texts that stand among the others too.

    Returns:
        float32 (originals, dimension) and (held out, dimension), rows of length 1.
    """
    from blender.models.encoder import load_encoder

    def make(place: Path) -> None:
        pairs = demo_phrases()
        texts = [list(dict.fromkeys(pair.context if side == "contexts" else pair.reply for pair in each))
                 for each in (pairs[:-HELD_OUT], pairs[-HELD_OUT:])]  # fmt: skip
        known = set(texts[0])
        for name, chosen in (("originals", texts[0]), ("held-out", [text for text in texts[1] if text not in known])):
            vectors = embed_contexts(chosen, encoder, SETTINGS.fade) if side == "contexts" else encoder.encode(chosen)
            np.save(place / f"{name}.npy", vectors)

    encoder = load_encoder(SETTINGS.encoder)
    folder = make_once(
        cache_folder() / "benchmarks" / "retrieval" / f"{side}-{text_digest(encoder.fingerprint, str(HELD_OUT))}", make
    )
    return np.load(folder / "originals.npy"), np.load(folder / "held-out.npy")


def noisy(vectors: Floats, seed: int, part: int) -> Floats:
    """The vectors with Gaussian noise added so that the cosine with the original is 0.8 on average; length 1.

    The noise has the length (1 / 0.8² - 1)^½ = 0.75 in expectation; in 384 dimensions the cosine spreads by 0.02.
    """
    rng = np.random.default_rng((seed, part))
    length = (1 / COSINE**2 - 1) ** 0.5
    made = rng.standard_normal(vectors.shape, dtype=np.float32)
    made *= length / vectors.shape[1] ** 0.5
    made += vectors
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    return made


def phrases(originals: Floats, count: int, seed: int = SEED) -> Iterator[tuple[slice, NDArray[np.float16]]]:
    """Noisy copies of the originals in turn, float16 (at most 50,000, dimension), with the rows they are."""
    for part, start in enumerate(range(0, count, _CHUNK)):
        rows = slice(start, min(count, start + _CHUNK))
        chosen = originals[np.arange(rows.start, rows.stop) % len(originals)]
        yield rows, noisy(chosen, seed, part).astype(np.float16)


def queries(held_out: Floats, count: int) -> Floats:
    """Noisy copies of ``count`` held-out embeddings, float32 (count, dimension)."""
    return noisy(held_out[np.arange(count) % len(held_out)], SEED, 1_000_000)
