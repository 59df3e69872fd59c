"""Whether the language model says the same in bfloat16 as in float32: what can be known of the truth itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blender.models.language_model import load_language_model
from blender.models.text_losses import text_losses
from blender.training.proxy.measure import fit_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Precisions:
    """Nats per token in both precisions.

    Attributes:
        n: phrases.
        spearman: rank correlation of the two.
        difference: mean of bfloat16 minus float32, nats per token.
        apart: mean absolute difference, nats per token.
    """

    n: int
    spearman: float
    difference: float
    apart: float


def compare_precisions(model: str, texts: Sequence[str]) -> Precisions:
    """Judge texts alone in both precisions."""
    asked = [(None, text) for text in texts]
    half = text_losses(load_language_model(model, "bfloat16"), asked)
    full = text_losses(load_language_model(model, "float32"), asked)
    fit = fit_of(half, full)
    return Precisions(n=fit.n, spearman=fit.spearman, difference=fit.bias, apart=float(np.nanmean(np.abs(half - full))))
