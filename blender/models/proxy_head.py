"""A head-size proxy: counts and a small network on the words of a phrase and on its sentence embedding."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from blender.errors import BadModel
from blender.matrix import Floats
from blender.models.proxy_counts import GramCounts, pair_hashes
from blender.models.proxy_pieces import Pieces, cut

if TYPE_CHECKING:
    from blender.models.proxy_network import Guessed, PieceInputs, PieceNetwork

WEIGHTS = "weights.safetensors"
Turns = tuple[str, ...]


class Head:
    """Guesses nats per token, alone or given a context.

    Args:
        counts: of the words of the base.
        alone: reads words and the sentence embedding.
        given: reads what ``alone`` guesses of each word, and the context; ``None`` if it was not trained.
        language: whose word frequencies are read.
    """

    reads_vectors = True

    def __init__(self, counts: GramCounts, alone: PieceNetwork, given: PieceNetwork | None, language: str) -> None:
        self.counts = counts
        self.networks = {"alone": alone} | ({"given": given} if given else {})
        self.language = language

    def alone(self, texts: Sequence[str], vectors: Floats) -> Floats:
        """Nats per token of texts without context, float32 (texts,)."""
        return _mean(self._guessed("alone", self.alone_inputs(cut(texts, self.language), vectors)))

    def both(
        self, contexts: Sequence[Turns], texts: Sequence[str], vectors: Floats, heard: Floats
    ) -> tuple[Floats, Floats | None]:
        """Nats per token of each text alone and given its context; ``heard`` are vectors of the contexts."""
        pieces = cut(texts, self.language)
        inputs = self.alone_inputs(pieces, vectors)
        alone = self._guessed("alone", inputs)
        if "given" not in self.networks:
            return _mean(alone), None
        given = self._guessed("given", self._given(inputs, alone, contexts, pieces, heard))
        return _mean(alone), _mean(given)

    def alone_inputs(self, pieces: Pieces, vectors: Floats) -> PieceInputs:
        """What the network reads of texts alone."""
        from blender.models.proxy_network import PieceInputs

        return PieceInputs.of(pieces, self.counts, vectors)

    def given_inputs(self, contexts: Sequence[Turns], pieces: Pieces, vectors: Floats, heard: Floats) -> PieceInputs:
        """What the network reads of texts and their contexts."""
        inputs = self.alone_inputs(pieces, vectors)
        return self._given(inputs, self._guessed("alone", inputs), contexts, pieces, heard)

    def _given(
        self, inputs: PieceInputs, alone: Guessed, contexts: Sequence[Turns], pieces: Pieces, heard: Floats
    ) -> PieceInputs:
        import torch

        vectors = inputs.topics.numpy()
        guessed = torch.stack([alone.nats / 10, alone.tokens], dim=1).numpy()
        met = _met(contexts, pieces, self.language)
        around = _around(contexts, vectors, heard)[pieces.rows]
        extra = np.concatenate([guessed, met, around], axis=1, dtype=np.float32)
        return inputs.given(extra, vectors * heard * 10)

    def _guessed(self, name: str, inputs: PieceInputs) -> Guessed:
        import torch

        with torch.inference_mode():
            found: Guessed = self.networks[name].eval()(inputs)
        return found

    def write(self, folder: Path) -> None:
        """Write ``weights.safetensors``, in half precision."""
        from safetensors.numpy import save

        arrays = self.counts.arrays()
        for name, network in self.networks.items():
            arrays |= {f"{name}.{key}": value.half().numpy() for key, value in network.state_dict().items()}
        (folder / WEIGHTS).write_bytes(save(arrays))  # its own writing raises no OSError when the disk is full


def _mean(guessed: Guessed) -> Floats:
    return np.asarray(guessed.mean.numpy(), dtype=np.float32)


def _met(contexts: Sequence[Turns], pieces: Pieces, language: str) -> Floats:
    """Whether each piece stands in the last turn, in any, and with the piece before it in any; (pieces, 3)."""
    turns = list(dict.fromkeys(turn for context in contexts for turn in context))
    words, pairs = _said(cut(turns, language))
    told = {turn: (words[at], pairs[at]) for at, turn in enumerate(turns)}
    heard = {context: _heard([told[turn] for turn in context]) for context in set(contexts)}
    each = zip(pieces.rows.tolist(), pieces.folded.tolist(), pair_hashes(pieces).tolist(), strict=True)
    known = [(heard[contexts[row]], word, pair) for row, word, pair in each]
    made = [(word in last, word in every, pair in pairs) for (last, every, pairs), word, pair in known]
    return np.array(made, dtype=np.float32).reshape(len(made), 3)


def _heard(turns: Sequence[tuple[set[int], set[int]]]) -> tuple[set[int], set[int], set[int]]:
    """Words of the last turn, words of all, pairs of all."""
    words, pairs = [words for words, _ in turns], [pairs for _, pairs in turns]
    return (words[-1] if words else set()), set().union(*words), set().union(*pairs)


def _around(contexts: Sequence[Turns], vectors: Floats, heard: Floats) -> Floats:
    """Of each text: cosine with its context, log words of the context, whether it ends with a question; (texts, 3)."""
    words = [np.log1p(sum(len(turn.split()) for turn in context)) / 4 for context in contexts]
    asked = [float(bool(context) and context[-1].rstrip().endswith("?")) for context in contexts]
    columns = [(vectors * heard).sum(axis=1), np.array(words), np.array(asked)]
    return np.stack(columns, axis=1).astype(np.float32)


def _said(pieces: Pieces) -> tuple[list[set[int]], list[set[int]]]:
    """The words of each text, and its pairs of words, hashed."""
    cuts = np.cumsum(pieces.sizes)[:-1]
    hashes = (pieces.folded, pair_hashes(pieces))
    words, pairs = ([set(part.tolist()) for part in np.split(each, cuts)] for each in hashes)
    return words, pairs


def read_head(folder: Path, dimension: int, language: str) -> Head:
    """Read what ``Head.write`` wrote.

    Args:
        folder: of the proxy.
        dimension: of the sentence embedding.

    Raises:
        BadModel: the file is broken, or does not hold such weights.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    from blender.models.proxy_network import PieceNetwork

    try:
        arrays = load_file(folder / WEIGHTS)
        counts = GramCounts.read(arrays)
        alone = _filled(PieceNetwork(topic=dimension), arrays, "alone.")
        given = None
        if any(name.startswith("given.") for name in arrays):
            given = _filled(PieceNetwork(topic=dimension, lexical=False, given=True), arrays, "given.")
    except (OSError, KeyError, RuntimeError, SafetensorError) as fault:
        raise BadModel(f"{folder / WEIGHTS} cannot be read as a proxy's weights: {fault}; train it anew") from None
    return Head(counts, alone, given, language)


def _filled(network: PieceNetwork, arrays: dict[str, Any], prefix: str) -> PieceNetwork:
    import torch

    mine = {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}
    network.load_state_dict({name: torch.from_numpy(value).float() for name, value in mine.items()})
    return network.eval()
