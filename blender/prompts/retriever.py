"""Finding prompts that suit an input: encoder, heads and FAISS (UPRISE, Cheng et al. 2023, arXiv:2303.08518)."""

from __future__ import annotations

from collections.abc import Sequence

from blender.index.heads import Heads
from blender.index.vectors import VectorIndex, choose_kind
from blender.models.encoder import Encoder
from blender.prompts.pool import PromptPool
from blender.prompts.prompt import Prompt


class PromptRetriever:
    """Finds the prompts of a pool with the largest inner product of heads.

    Args:
        pool: to search.
        encoder: the one that embedded the pool.
        heads: the context head reads inputs, the reply head prompts; the identity, that is the plain cosine, if not
            given.

    Raises:
        BadModel: the encoder is not the one of the pool, or of the heads; both are named.
    """

    def __init__(self, pool: PromptPool, encoder: Encoder, heads: Heads | None = None) -> None:
        pool.check_encoder(encoder.fingerprint)
        self.pool = pool
        self._encoder = encoder
        self._heads = heads or Heads.identity(encoder.dimension, encoder.fingerprint)
        self._heads.check_encoder(encoder.fingerprint)
        self._index = VectorIndex(self._heads.replies(pool.vectors), choose_kind(len(pool)))

    def find(self, texts: Sequence[str], k: int = 1) -> list[list[Prompt]]:
        """The ``k`` best prompts of each text, best first.

        Raises:
            BadInput: ``k`` is below 1 or above the size of the pool.
        """
        self.pool.check_count(k)
        queries = self._heads.queries(self._encoder.encode(list(texts), role="query"))
        _, rows = self._index.search(queries, k)
        return [[self.pool.prompts[row] for row in near] for near in rows]
