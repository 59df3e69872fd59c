"""The network of a head-size proxy: it guesses the nats of every word and sign of a text, and from them the mean.

What the language model lost on each word is what it is taught with (token-level distillation): fifteen numbers a phrase
instead of one. Close to the feed-forward language model of Bengio et al. (2003), whose output is here not the next word
but how much it cost.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from blender.matrix import Floats
from blender.models.proxy_counts import GRAM_COLUMNS, GramCounts, pair_hashes
from blender.models.proxy_pieces import FACTS, Pieces

WORD_BITS, PAIR_BITS, WIDTH = 14, 16, 12
GIVEN_COLUMNS = 8
"""Columns of a piece beside facts and counts where a context is given: see ``blender.models.proxy_head``."""
_BACK = 2  # words before a word whose embeddings are read
_HIDDEN, _SECOND, _WHOLE = 96, 64, 64
_TOPIC_SCALE = 10.0  # numbers of a vector of length 1 are near 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceInputs:
    """What the network reads of many texts.

    Attributes:
        words: int64 (pieces, 3), bucket of the piece and of the two before it.
        pairs: int64 (pieces,), bucket of the piece with the one before it.
        dense: float32 (pieces, columns), facts, counts and ``extra`` of the piece, then facts of the one before it.
        rows: int64 (pieces,), number of the text.
        topics: float32 (texts, dimension), sentence embedding.
    """

    words: torch.Tensor
    pairs: torch.Tensor
    dense: torch.Tensor
    rows: torch.Tensor
    topics: torch.Tensor

    @classmethod
    def of(cls, pieces: Pieces, counts: GramCounts, topics: Floats) -> PieceInputs:
        """From pieces, their counts and the vectors of their texts."""
        words = np.stack([pieces.before(pieces.cased, back) for back in range(_BACK + 1)], axis=1)
        dense = [pieces.facts, counts.columns(pieces), pieces.before(pieces.facts, 1)]
        return cls(
            words=torch.from_numpy(words % (1 << WORD_BITS)),
            pairs=torch.from_numpy(pair_hashes(pieces) % (1 << PAIR_BITS)),
            dense=torch.from_numpy(np.concatenate(dense, axis=1)),
            rows=torch.from_numpy(pieces.rows),
            topics=torch.from_numpy(topics),
        )

    def given(self, extra: Floats, topics: Floats) -> PieceInputs:
        """The same, with further columns (pieces, any) and vectors that know the contexts, too."""
        own = FACTS + GRAM_COLUMNS
        dense = torch.cat([self.dense[:, :own], torch.from_numpy(extra), self.dense[:, own:]], dim=1)
        return replace(self, dense=dense, topics=torch.from_numpy(topics))


@dataclass(frozen=True, slots=True, kw_only=True)
class Guessed:
    """Guesses; float32.

    Attributes:
        nats: (pieces,), of each piece.
        tokens: (pieces,), how many of the language model's tokens each piece is.
        mean: (texts,), nats per token of each text.
    """

    nats: torch.Tensor
    tokens: torch.Tensor
    mean: torch.Tensor


class PieceNetwork(nn.Module):
    """Nats and tokens of pieces, and the mean of texts.

    Args:
        topic: width of the sentence embedding; 0 reads none.
        lexical: whether words and pairs have weights of their own.
        given: whether it guesses what a context changes. It then reads ``GIVEN_COLUMNS`` more, of which the first two
            are a tenth of the nats and the tokens that were guessed without context; it begins with those, and the
            topic changes single words only, not the whole: pairs to learn from are few.
    """

    def __init__(self, *, topic: int, lexical: bool = True, given: bool = False) -> None:
        super().__init__()
        own = FACTS + GRAM_COLUMNS + (GIVEN_COLUMNS if given else 0)
        self.lexical = lexical
        self.given = given
        self.own = own
        if lexical:
            self.words = nn.Embedding(1 << WORD_BITS, WIDTH)
            self.pairs = nn.Embedding(1 << PAIR_BITS, 1)
            nn.init.normal_(self.words.weight, std=0.05)
            nn.init.zeros_(self.pairs.weight)
        self.first = nn.Linear(own + FACTS + (WIDTH * (_BACK + 1) if lexical else 0), _HIDDEN)
        self.topic = nn.Linear(topic, _HIDDEN, bias=False) if topic else None
        self.rest = nn.Sequential(nn.ReLU(), nn.Dropout(0.1), nn.Linear(_HIDDEN, _SECOND), nn.ReLU())
        self.out = nn.Linear(_SECOND, 2)
        read = 5 + own + (0 if given else topic)
        self.whole = nn.Sequential(nn.Linear(read, _WHOLE), nn.ReLU(), nn.Dropout(0.2))
        self.correction = nn.Linear(_WHOLE, 1)
        for begins_at_nothing in (self.correction, *([self.out] if given else [])):
            nn.init.zeros_(begins_at_nothing.weight)
            nn.init.zeros_(begins_at_nothing.bias)

    def forward(self, inputs: PieceInputs) -> Guessed:
        """Guess; a text without pieces gets a number that means nothing."""
        topics = inputs.topics * _TOPIC_SCALE
        read = [inputs.dense]
        if self.lexical:
            read.append(self.words(inputs.words).flatten(1))
        hidden = self.first(torch.cat(read, dim=1))
        if self.topic is not None:
            hidden = hidden + self.topic(topics)[inputs.rows]
        raw = self.out(self.rest(hidden))
        if self.given:
            alone, tokens = inputs.dense[:, FACTS + GRAM_COLUMNS : FACTS + GRAM_COLUMNS + 2].unbind(dim=1)
            nats = raw[:, 0] * 3 + alone * 10
        else:
            nats = raw[:, 0] * 3 + 6  # about the mean and the spread of a word's nats
            tokens = nn.functional.softplus(raw[:, 1] + 0.55)  # one token at the start of training
        if self.lexical:
            nats = nats + self.pairs(inputs.pairs)[:, 0]
        return Guessed(nats=nats, tokens=tokens, mean=self._mean(inputs, topics, nats, tokens))

    def _mean(
        self, inputs: PieceInputs, topics: torch.Tensor, nats: torch.Tensor, tokens: torch.Tensor
    ) -> torch.Tensor:
        """Nats over tokens, and what is seen of the whole beside it."""
        texts = len(topics)
        sums = torch.zeros(texts, 3 + self.own)
        ones = torch.ones_like(nats)
        columns = torch.cat([torch.stack([nats, tokens, ones], dim=1), inputs.dense[:, : self.own]], dim=1)
        sums = sums.index_add(0, inputs.rows, columns)
        count = sums[:, 2].clamp_min(1)
        mean = sums[:, 0] / sums[:, 1].clamp_min(0.3)
        largest = torch.zeros(texts).scatter_reduce(0, inputs.rows, nats, "amax", include_self=False)
        seen = [mean / 5 - 1, count.log(), sums[:, 1].clamp_min(0.3).log(), largest / 10, 1 / count]
        whole = [torch.stack(seen, dim=1), sums[:, 3:] / count[:, None]]
        if self.topic is not None and not self.given:
            whole.append(topics)
        correction: torch.Tensor = self.correction(self.whole(torch.cat(whole, dim=1)))[:, 0]
        return mean + correction
