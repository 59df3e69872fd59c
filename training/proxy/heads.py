"""A head-size proxy from scored phrases."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from blender.matrix import Floats
from blender.models.proxy import context_vectors
from blender.models.proxy_counts import GramCounts
from blender.models.proxy_head import Head
from blender.models.proxy_network import PieceInputs, PieceNetwork
from blender.models.proxy_pieces import Pieces, cut, piece_spans
from blender.training.proxy.examples import Scored, pieces_of
from blender.training.proxy.fit_head import HeadSettings, PieceTargets, fit_network
from blender.training.proxy.material import Material


@dataclass(frozen=True, slots=True, kw_only=True)
class Reads:
    """What a head may read: for saying what each part brings.

    Attributes:
        topic: the sentence embedding.
        counts: how often words and runs of words occur in the base.
        lexical: weights of its own for words and pairs.
    """

    topic: bool = True
    counts: bool = True
    lexical: bool = True


ALL = Reads()


def fit_head(material: Material, language: str, settings: HeadSettings, progress: str | None = None) -> Head:
    """Train a head, with a conditional part if there are pairs.

    Args:
        material: phrases with their losses.
        language: whose word frequencies are read.
        settings: of training.
        progress: names a progress bar of the encoding.
    """
    counts = GramCounts.of([one.text for one in material.parts.counted], language)
    vectors = material.vectors(material.train.texts, progress)
    tokenizer = material.model.form.tokenizer
    alone = fit_alone(material.train, vectors, counts, tokenizer, language, settings)
    head = Head(counts, alone, None, language)
    if "train" not in material.pairs:
        return head
    return Head(counts, alone, _fit_given(head, material, settings), language)


def fit_alone(
    train: Scored,
    vectors: Floats,
    counts: GramCounts,
    tokenizer: Any,
    language: str,
    settings: HeadSettings,
    reads: Reads = ALL,
) -> PieceNetwork:
    """Train the network that guesses without context; the vectors are those of the phrases."""
    pieces = cut(train.texts, language)
    inputs = alone_inputs(pieces, vectors, counts, reads)
    width = inputs.topics.shape[1]
    return fit_network(
        lambda: PieceNetwork(topic=width, lexical=reads.lexical),
        inputs,
        pieces.sizes,
        _targets(train, tokenizer),
        settings,
    )


def alone_inputs(pieces: Pieces, vectors: Floats, counts: GramCounts, reads: Reads = ALL) -> PieceInputs:
    """What such a network reads."""
    known = counts if reads.counts else replace(counts, tables=tuple(np.zeros_like(one) for one in counts.tables))
    return PieceInputs.of(pieces, known, vectors if reads.topic else vectors[:, :0])


def _fit_given(head: Head, material: Material, settings: HeadSettings) -> PieceNetwork:
    pairs = material.pairs["train"]
    pieces = cut(pairs.texts, head.language)
    heard = context_vectors(pairs.contexts, material.encoder)
    inputs = head.given_inputs(pairs.contexts, pieces, material.vectors(pairs.texts), heard)
    return fit_network(
        lambda: PieceNetwork(topic=inputs.topics.shape[1], lexical=False, given=True),
        inputs,
        pieces.sizes,
        _targets(pairs, material.model.form.tokenizer),
        settings,
    )


def _targets(scored: Scored, tokenizer: Any) -> PieceTargets:
    nats, tokens = np.concatenate(pieces_of(scored, tokenizer, [piece_spans(text) for text in scored.texts]), axis=1)
    return PieceTargets(nats=nats, tokens=tokens, mean=scored.mean)
