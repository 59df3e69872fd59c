"""The retriever judged on scores that are there already: which of the tried prompts would it have picked?

No pass through the language model is needed, so every scored row of a left-out cluster can be asked, with prompts of
other clusters only and heads that saw neither.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from blender.index.heads import Heads
from blender.models.encoder import Encoder
from blender.prompts.pool import PromptPool
from blender.training.prompts.scoring import Scored

PICKS = ("random", "untuned", "tuned", "best")


def picked(
    scored: Sequence[Scored], cluster: str, pool: PromptPool, encoder: Encoder, heads: Heads
) -> NDArray[np.float64]:
    """Gain in score over zero-shot of the prompt each would pick, float64 (rows of the cluster, 4) as in ``PICKS``.

    Args:
        scored: of all clusters; only rows of ``cluster`` are asked.
        cluster: left out.
        pool: of the fold; tried prompts that are not in it do not count.
        encoder: of the pool.
        heads: of the fold. ``random`` is the mean over the tried prompts, ``best`` knows the gold answer.
    """
    vectors = dict(zip((prompt.text for prompt in pool.prompts), pool.vectors, strict=True))
    rows = []
    for each in scored:
        known = [at for at, prompt in enumerate(each.tried) if prompt.text in vectors]
        if each.row.cluster != cluster or not known:
            continue
        gains = np.array([each.outcomes[at].score - each.zero.score for at in known])
        prompts = np.stack([vectors[each.tried[at].text] for at in known])
        query = encoder.encode([each.row.text], role="query")
        plain = (prompts @ query[0]).argmax()
        tuned = (heads.replies(prompts) @ heads.queries(query)[0]).argmax()
        rows.append([gains.mean(), gains[plain], gains[tuned], gains.max()])
    return np.array(rows, dtype=np.float64).reshape(-1, len(PICKS))
