"""Cross-encoders: read a context and a reply together and give one number for how well they fit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from blender.deadline import check
from blender.errors import BadModel
from blender.matrix import Floats
from blender.models.cache import one_per_process, text_digest
from blender.models.networks import Network, OnnxNetwork, TorchNetwork, load_checkpoint, position_limit
from blender.models.reference import Artifact, resolve
from blender.models.tokens import Tokens, load_tokens

_VERSION = "cross-encoder 1"
_CHUNK = 16  # pairs between two looks at the deadline


class CrossEncoderModel:
    """A cross-encoder. Thread-safe.

    Args:
        network: gives one logit for each pair, or two (does not fit, fits).
        tokens: its tokenizer.
        fingerprint: names model and method.
    """

    def __init__(self, network: Network, tokens: Tokens, *, fingerprint: str) -> None:
        self.fingerprint = fingerprint
        self._network = network
        self._tokens = tokens

    def score(self, pairs: Sequence[tuple[str, str]]) -> Floats:
        """Return float32 (number of pairs,): logits, higher fits better; a pair's value does not depend on the others.

        Args:
            pairs: (context, reply); a context that is too long keeps its newest words, a reply its first ones. Equal
                pairs are computed once.

        Raises:
            Late: the caller's deadline is over.
        """
        if not pairs:
            return np.zeros(0, dtype=np.float32)
        distinct = list(dict.fromkeys(pairs))
        parts = []
        for start in range(0, len(distinct), _CHUNK):
            check()
            parts.append(self._network(self._tokens.pairs(distinct[start : start + _CHUNK])))
        logits = np.concatenate(parts)
        values = logits[:, -1] - logits[:, 0] if logits.shape[1] == 2 else logits[:, 0]
        found = dict(zip(distinct, values.tolist(), strict=True))
        return np.array([found[pair] for pair in pairs], dtype=np.float32)


def load_cross_encoder(ref: str) -> CrossEncoderModel:
    """Load a cross-encoder, once per process and artifact.

    Args:
        ref: a folder with ``model.onnx`` and ``tokenizer.json``, or a transformers checkpoint for the classification
            of text pairs with one logit, or with two of which the second means that they fit.

    Raises:
        MissingPackage: the package of ``ref``, or onnxruntime, is not installed.
        BadModel: there is no such model, or it is no cross-encoder that can be read.
    """
    return _load(resolve(ref))


@one_per_process
def _load(artifact: Artifact) -> CrossEncoderModel:
    folder = artifact.path if artifact.path.is_dir() else artifact.path.parent
    onnx = artifact.path if artifact.path.suffix == ".onnx" else folder / "model.onnx"
    network: Network
    if onnx.is_file() and not list(folder.glob("*.safetensors")):
        if not (folder / "tokenizer.json").is_file():
            raise BadModel(f"{artifact.reference!r} has no tokenizer: put its tokenizer.json beside {onnx.name}")
        tokens = load_tokens(folder)
        network = OnnxNetwork(onnx, "none")
    elif artifact.path.is_dir():
        module = load_checkpoint(folder, "AutoModelForSequenceClassification")
        tokens = load_tokens(folder, position_limit(module.config))
        network = TorchNetwork(module, "none", tokens.padding)
    else:
        raise BadModel(f"{artifact.reference!r} is no cross-encoder: give a folder with a checkpoint or a model.onnx")
    model = CrossEncoderModel(network, tokens, fingerprint=text_digest(_VERSION, artifact.digest))
    width = network(tokens.pairs([(" ", " ")])).shape[1]
    if width not in (1, 2):
        raise BadModel(f"{artifact.reference!r} gives {width} numbers for a pair; a cross-encoder gives one, or two")
    return model
