"""What the language model says of phrases, token by token, and their vectors: kept, so that none is judged twice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from blender.matrix import Floats
from blender.measured import FeatureCache
from blender.models.encoder import Encoder
from blender.models.language_model import LanguageModel
from blender.models.progress import steps
from blender.models.text_losses import token_losses
from blender.training.cache import digest
from blender.training.proxy.corpus import Said

_AT_ONCE, _ENCODED = 128, 512


def kept_losses(
    model: LanguageModel, said: Sequence[Said], folder: Path, *, given: bool, progress: str | None = None
) -> list[Floats]:
    """``token_losses`` of phrases, alone or given what they answered, taken from ``folder`` where they are known.

    What is computed is on the disk after every hundred phrases or so: a run that was stopped goes on from there.
    Another model, or another form of its prompt, has another file.
    """
    name = "given" if given else "alone"
    kept = FeatureCache.of(folder, f"losses-{name}", model.prompt_fingerprint(), 1)
    keys = [digest(one.turns if given else (), one.text) for one in said]
    known = kept.get(keys)
    new = [at for at, key in enumerate(keys) if key not in known]
    for part in steps([new[at : at + _AT_ONCE] for at in range(0, len(new), _AT_ONCE)], progress):
        found = token_losses(model, [(said[at].dialog if given else None, said[at].text) for at in part])
        fresh = {keys[at]: losses.reshape(-1, 1) for at, losses in zip(part, found, strict=True)}
        kept.put(fresh)
        known.update(fresh)
    return [known[key][:, 0] for key in keys]


def kept_vectors(encoder: Encoder, texts: Sequence[str], folder: Path, progress: str | None = None) -> Floats:
    """Sentence embeddings of texts, float32 (texts, dimension), taken from ``folder`` where they are known."""
    kept = FeatureCache.of(folder, "vectors", encoder.fingerprint, encoder.dimension)
    keys = [digest((), text) for text in texts]
    known = kept.get(keys)
    new = [at for at, key in enumerate(keys) if key not in known]
    for part in steps([new[at : at + _ENCODED] for at in range(0, len(new), _ENCODED)], progress):
        vectors = encoder.encode([texts[at] for at in part])
        fresh = {keys[at]: vector[None] for at, vector in zip(part, vectors, strict=True)}
        kept.put(fresh)
        known.update(fresh)
    return np.concatenate([np.zeros((0, encoder.dimension), dtype=np.float32), *(known[key] for key in keys)])
