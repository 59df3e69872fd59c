"""Ways to find prompts for an input that are compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from blender.errors import MissingPackage
from blender.models.cache import text_digest
from blender.prompts.pool import PromptPool
from blender.prompts.prompt import Prompt

Find = Callable[[Sequence[str], int], list[list[Prompt]]]


def random_prompts(pool: PromptPool, seed: int) -> Find:
    """Prompts drawn without regard to the input; each input has its own draw."""

    def find(texts: Sequence[str], k: int) -> list[list[Prompt]]:
        pool.check_count(k)
        draws = [np.random.default_rng(int(text_digest("random", str(seed), text), 16)) for text in texts]
        return [[pool.prompts[at] for at in draw.choice(len(pool), size=k, replace=False)] for draw in draws]

    return find


def bm25(pool: PromptPool) -> Find:
    """Prompts by the words they share with the input (Okapi BM25, Robertson and Zaragoza 2009, through bm25s).

    Raises:
        MissingPackage: bm25s is not installed.
    """
    try:
        bm25s: Any = import_module("bm25s")
    except ImportError:
        raise MissingPackage("BM25 needs bm25s; install it with `pip install 'response-blender[tune]'`") from None
    index = bm25s.BM25()
    index.index(bm25s.tokenize([prompt.text for prompt in pool.prompts], show_progress=False), show_progress=False)

    def find(texts: Sequence[str], k: int) -> list[list[Prompt]]:
        pool.check_count(k)
        queries = bm25s.tokenize(list(texts), show_progress=False)
        found, _ = index.retrieve(queries, k=k, show_progress=False, n_threads=1)
        return [[pool.prompts[at] for at in row] for row in found]

    return find
