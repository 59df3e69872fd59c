"""Candidates sampled from a causal language model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from blender.catalogue import fingerprint
from blender.errors import BadInput
from blender.models.demonstrations import Place
from blender.models.precision import Precision
from blender.models.sample import Sample, SampleRequest
from blender.records import Candidate, Dialog
from blender.sources.sampled import SampledSource, candidates
from blender.written import dialog_as_written

if TYPE_CHECKING:
    from blender.sources.prompting import PairRetriever


@dataclass(frozen=True, kw_only=True)
class Generator(SampledSource):
    """Samples answers by the model's chat template, or as the next line of a script for base models.

    Attributes:
        adapter: folder of a LoRA adapter made for the model by ``peft`` or ``trl``; empty for none.
        prompts: ``retrieved`` shows the model pairs of context and good answer, found for each dialog, before it.
        prompt_base: phrase base whose pairs are shown, a folder or the name of a packaged one.
        prompt_heads: folder of heads tuned to find helpful pairs; empty for the base's own search.
        prompt_rules: which of its phrases are good answers, ``drop`` and ``keep`` by the scores of the base (see
            ``blender.index.rules``); by default those that are neither toxic nor bland, where that was measured.
        prompts_k: how many pairs.
        prompts_place: where a chat prompt shows them, see `blender.models.demonstrations.Place`.
    """

    adapter: str = ""
    prompts: Literal["none", "retrieved"] = "none"
    prompt_base: str = "demo"
    prompt_heads: str = ""
    prompt_rules: dict[str, Any] = field(default_factory=dict)
    prompts_k: int = 4
    prompts_place: Place = "turns"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.prompts_k < 1:
            raise BadInput(f"prompts_k must be 1 or more, got {self.prompts_k}; for no prompts say prompts = 'none'")

    @cached_property
    def _retriever(self) -> PairRetriever | None:
        if self.prompts == "none":
            return None
        from blender.index.heads import Heads
        from blender.index.opening import open_base
        from blender.index.rules import Rules
        from blender.sources.prompting import PairRetriever

        return PairRetriever(
            base=open_base(self.prompt_base),
            heads=Heads.load(self.prompt_heads) if self.prompt_heads else None,
            rules=Rules.of(self.prompt_rules),
            k=self.prompts_k,
            place=self.prompts_place,
        )

    @cached_property
    def fingerprint(self) -> str:
        """Of the settings, the model with its adapter, and what pairs are found in."""
        pairs = [self._retriever.fingerprint] if self._retriever else []
        return fingerprint(self, self._model.prompt_fingerprint(self.system), *pairs)

    def warm(self) -> None:
        """Load the model, and what finds prompts for it."""
        self._model.warm()
        if self._retriever:
            self._retriever.warm()

    @property
    def drawn_by(self) -> tuple[str, Precision, str]:
        """The model with its precision and adapter, which other sources may share (`blender.together`)."""
        return self.model, self.dtype, self.adapter

    def request(self, dialogs: Sequence[Dialog], k: int) -> SampleRequest:
        """What ``propose`` draws."""
        shown = self._retriever.shown(dialogs) if self._retriever else None
        written = [dialog_as_written(dialog) for dialog in dialogs]
        return SampleRequest.of(written, [k] * len(written), self._sampling, system=self.system, shown=shown)

    def collected(
        self,
        request: SampleRequest,  # noqa: ARG002 - samples know their prompts
        drawn: Sequence[Sequence[Sample]],
    ) -> list[list[Candidate]]:
        """The candidates that samples make."""
        return [candidates(samples, "generator") for samples in drawn]
