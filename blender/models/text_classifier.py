"""Any transformers text classifier as a judge of toxicity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from blender.errors import BadModel
from blender.matrix import Floats
from blender.models.cache import text_digest
from blender.models.networks import Network, TorchNetwork, load_checkpoint, position_limit
from blender.models.reference import Artifact
from blender.models.tokens import Tokens, load_tokens

_VERSION = "text classifier 1"


class TextClassifier:
    """P(one label) of a sequence classifier. Thread-safe.

    Args:
        network: gives the logits of all labels.
        tokens: its tokenizer.
        label: number of the label that is asked for.
        independent: whether labels do not exclude each other (a sigmoid each), else they share a softmax.
        fingerprint: names model, label and method.
    """

    def __init__(self, network: Network, tokens: Tokens, *, label: int, independent: bool, fingerprint: str) -> None:
        self.fingerprint = fingerprint
        self._network = network
        self._tokens = tokens
        self._label = label
        self._independent = independent

    def score(self, texts: Sequence[str]) -> Floats:
        """Return float32 (number of texts,), 0 to 1; long texts keep their beginning, batching moves values < 1e-5."""
        if not texts:
            return np.zeros(0, dtype=np.float32)
        distinct = list(dict.fromkeys(texts))
        logits = self._network(self._tokens.single(distinct)).astype(np.float64)
        chosen = logits[:, self._label]
        if self._independent:
            logits = np.stack([np.zeros_like(chosen), chosen], axis=1)
        shares = 1 / np.exp(logits - chosen[:, None]).sum(axis=1)  # softmax; of one label against 0 it is the sigmoid
        found = dict(zip(distinct, shares.tolist(), strict=True))
        return np.array([found[text] for text in texts], dtype=np.float32)


def load_text_classifier(artifact: Artifact, label: int | str | None) -> TextClassifier:
    """Load a checkpoint and find the label that is asked for.

    Raises:
        BadModel: it is no such checkpoint, or the label cannot be told.
    """
    if not artifact.path.is_dir():
        raise BadModel(f"{artifact.reference!r} is no text classifier: give a folder with a transformers checkpoint")
    module = load_checkpoint(artifact.path, "AutoModelForSequenceClassification")
    chosen = _label(artifact.reference, module.config, label)
    several = module.config.problem_type == "multi_label_classification"
    tokens = load_tokens(artifact.path, position_limit(module.config))
    return TextClassifier(
        TorchNetwork(module, "none", tokens.padding),
        tokens,
        label=chosen,
        independent=several or module.config.num_labels == 1,
        fingerprint=text_digest(_VERSION, artifact.digest, str(chosen)),
    )


def _label(ref: str, config: Any, asked: int | str | None) -> int:
    names = {int(at): str(name) for at, name in config.id2label.items()}
    if asked is None:
        found = [at for at, name in names.items() if _means_toxic(name)] or ([0] if len(names) == 1 else [])
    else:
        found = [at for at, name in names.items() if asked in (at, name)]
    if len(found) != 1:
        labels = ", ".join(f"{at} {name!r}" for at, name in sorted(names.items()))
        raise BadModel(f"{ref!r}: which label means toxic? Asked for: {asked!r}; there are {labels}")
    return found[0]


def _means_toxic(name: str) -> bool:
    plain = name.lower()
    return "toxic" in plain and not plain.startswith(("non", "not", "severe"))
