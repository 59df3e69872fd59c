"""A proxy and all baselines against the language model, on phrases that none of them saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from blender.matrix import Floats
from blender.models.proxy import Proxy
from blender.training.proxy.baselines import baseline_columns, guess_baselines
from blender.training.proxy.examples import Scored
from blender.training.proxy.material import Material
from blender.training.proxy.measure import Fit, by_length, fit_of

PROXY = "proxy"
IN_DOMAIN = "held-out"
BASELINES_SHOWN = (
    "ridge on embedding and columns",
    "ridge on the embedding",
    "ridge on columns",
    "length",
    "mean word frequency",
    "constant",
)
BASE_WORDS = (4, 25)
"""Words of the phrases that the demo base keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """How well a proxy follows the language model.

    Attributes:
        fits: by corpus (``held-out``, ``held-out, 4 to 25 words``, others by name), then by who guessed: ``proxy`` and
            each baseline.
        lengths: of the proxy on the held-out phrases, by number of words.
        given: by who guessed the loss given the context, on held-out pairs; empty if there is no conditional part.
    """

    fits: Mapping[str, Mapping[str, Fit]]
    lengths: Mapping[str, Fit]
    given: Mapping[str, Fit]


def judge(proxy: Proxy, material: Material, seed: int) -> Judgement:
    """Compare on the held-out phrases and on every other corpus."""
    language = proxy.manifest.language
    train = baseline_columns(material.train.texts, material.vectors(material.train.texts), language)
    truth = material.train.mean
    fits: dict[str, dict[str, Fit]] = {}
    lengths: dict[str, Fit] = {}
    for name, part in {IN_DOMAIN: material.test, **material.others}.items():
        guesses = _guesses(proxy, part, material, train, truth)
        fits[name] = _fits(guesses, part.mean, seed)
        if name == IN_DOMAIN:
            lengths = by_length(guesses[PROXY], part.mean, part.words)
            inside = (part.words >= BASE_WORDS[0]) & (part.words <= BASE_WORDS[1])
            few = {who: guessed[inside] for who, guessed in guesses.items()}
            fits[f"{name}, {BASE_WORDS[0]} to {BASE_WORDS[1]} words"] = _fits(few, part.mean[inside], seed)
    return Judgement(fits=fits, lengths=lengths, given=_given(proxy, material, seed))


def _guesses(
    proxy: Proxy, part: Scored, material: Material, train: Mapping[str, Floats], truth: Floats
) -> dict[str, Floats]:
    vectors = material.vectors(part.texts)
    own = proxy.alone(part.texts, vectors if proxy.regressor.reads_vectors else None)
    columns = baseline_columns(part.texts, vectors, proxy.manifest.language)
    return {PROXY: own, **guess_baselines(train, truth, columns)}


def _fits(guesses: Mapping[str, Floats], truth: Floats, seed: int) -> dict[str, Fit]:
    return {who: fit_of(guessed, truth, seed=seed) for who, guessed in guesses.items()}


def _given(proxy: Proxy, material: Material, seed: int) -> dict[str, Fit]:
    """The loss given the context: by the conditional part, by the proxy alone, by the cosine with the last turn."""
    if "test" not in material.pairs:
        return {}
    part, truth = material.pairs["test"], material.pairs["test"].mean
    dialogs = [one.dialog for one in part.said]
    guessed = proxy.given([dialog for dialog in dialogs if dialog is not None], part.texts)
    if np.isnan(guessed).all():
        return {}
    alone = proxy.alone(part.texts)
    last = material.vectors([one.turns[-1] for one in part.said])
    cosine = -(material.vectors(part.texts) * last).sum(axis=1)
    known = dict(zip([one.text for one in material.test.said], material.test.mean, strict=True))
    true_alone = np.array([known.get(one.text, np.nan) for one in part.said], dtype=np.float32)
    return {
        **_fits(
            {"proxy, given": guessed, "proxy, alone": alone, "minus cosine with the last turn": cosine}, truth, seed
        ),
        "language model, alone": fit_of(true_alone, truth, seed=seed),
        "difference alone - given": fit_of(alone - guessed, true_alone - truth, seed=seed),
    }
