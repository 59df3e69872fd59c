"""What prompts shown before a dialog do to pools of sampled answers, by the judgement of a bundle's heads.

The judge is a model: P(sensible) and P(specific) are what the bundle expects people to say, no person said so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from blender.engine import Blender
from blender.matrix import Floats
from blender.models.cache import text_digest
from blender.models.demonstrations import Shown
from blender.models.language_model import LanguageModel
from blender.models.progress import steps
from blender.models.sampling import Sampling
from blender.records import Candidate, Dialog, Pool
from blender.training.prompts.generator_losses import remembered

_AT_ONCE = 16


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JudgedPools:
    """Pools of sampled answers and what the judge expects; float32 (dialogs, answers) each, NaN for an empty answer.

    Attributes:
        texts: by dialog.
        sensible: P(sensible).
        specific: P(specific).
    """

    texts: tuple[tuple[str, ...], ...]
    sensible: Floats
    specific: Floats

    @property
    def value(self) -> Floats:
        """Predicted SSA: the mean of the two."""
        return ((self.sensible + self.specific) / 2).astype(np.float32)

    def distinct(self, n: int) -> float:
        """Different n-grams of words over all n-grams, all answers together (Li et al. 2016, arXiv:1510.03055)."""
        found: Counter[tuple[str, ...]] = Counter()
        for text in (text for pool in self.texts for text in pool):
            words = text.lower().split()
            found.update(zip(*(words[at:] for at in range(n)), strict=False))
        return len(found) / max(1, found.total())

    @property
    def words(self) -> Floats:
        """Length of the answers, float32 (dialogs, answers)."""
        return np.array([[len(text.split()) for text in pool] for pool in self.texts], dtype=np.float32)


def sampled(
    model: LanguageModel,
    dialogs: Sequence[Dialog],
    shown: Sequence[Shown],
    answers: int,
    settings: Sampling,
    title: str,
) -> list[list[str]]:
    """Draw answers of each dialog; kept, so that a killed run goes on."""
    found: list[list[str]] = []
    for start in steps(range(0, len(dialogs), _AT_ONCE), title):
        some = slice(start, start + _AT_ONCE)
        prompts = [model.prompt_fingerprint(None, (), each) for each in shown[some]]
        key = text_digest(repr(settings), str(answers), *prompts, repr(dialogs[some]))
        draw = partial(_draw, model, dialogs[some], shown[some], answers, settings)
        found += remembered(f"samples-{key}", draw)
    return found


def _draw(
    model: LanguageModel, dialogs: Sequence[Dialog], shown: Sequence[Shown], answers: int, settings: Sampling
) -> list[list[str]]:
    return [
        [sample.text for sample in samples]
        for samples in model.sample(dialogs, answers, settings=settings, shown=shown)
    ]


def judged(blender: Blender, dialogs: Sequence[Dialog], texts: Sequence[Sequence[str]], title: str) -> JudgedPools:
    """Let a blender's heads judge pools; they know nothing of the prompts the answers were drawn under."""
    values: list[list[list[float | None]]] = []
    for start in steps(range(0, len(dialogs), _AT_ONCE), title):
        some = slice(start, start + _AT_ONCE)
        key = text_digest(blender.parts.fingerprint, repr(dialogs[some]), repr(texts[some]))
        values += remembered(f"judged-{key}", partial(_judge, blender, dialogs[some], texts[some]))
    table = np.array(values, dtype=np.float32)  # None becomes NaN
    return JudgedPools(texts=tuple(map(tuple, texts)), sensible=table[:, 0], specific=table[:, 1])


def _judge(
    blender: Blender, dialogs: Sequence[Dialog], texts: Sequence[Sequence[str]]
) -> list[list[list[float | None]]]:
    pools = [
        Pool(
            dialog=dialog, candidates=tuple(Candidate(text=text, source="generator", kind="generator") for text in own)
        )
        for dialog, own in zip(dialogs, texts, strict=True)
    ]
    return [
        [
            [None if np.isnan(v) else float(v) for v in scores]
            for scores in (found.scores.sensible, found.scores.specific)
        ]
        for found in blender.choose_pools(pools)
    ]
