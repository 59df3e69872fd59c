"""Where a policy acts: the phrases of a base, contexts that are not among its own, and everything measured of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from blender.errors import BadBase, BadInput
from blender.index.base import PhraseBase
from blender.index.context import TURN_BREAK
from blender.index.heads import Heads
from blender.matrix import Floats
from blender.pooling import duplicate_key
from blender.records import Candidate, Dialog, Pool
from blender.training.tune.dialogues import Pair, turn_numbers

Rows = NDArray[np.int64]
FEWEST_PHRASES = 8
_CHUNK = 512


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """Phrases to answer with.

    Attributes:
        base: the phrases.
    """

    base: PhraseBase

    def __post_init__(self) -> None:
        if len(self.base) < FEWEST_PHRASES:
            raise BadBase(
                f"the base {self.base.folder} holds {len(self.base)} phrases; tuning needs at least {FEWEST_PHRASES} "
                "to choose among. Add some with `blend index add`"
            )

    @cached_property
    def replies(self) -> Floats:
        """Embeddings of the phrases, float32 (phrases, d)."""
        return np.asarray(self.base.contents.reply_vectors, dtype=np.float32)

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """The phrases."""
        return tuple(self.base.contents.phrases["text"].to_pylist())

    @cached_property
    def locale(self) -> str:
        """The language of the phrases, by their column ``locale``; English where that says nothing.

        Raises:
            BadBase: they are of several languages.
        """
        known = () if self.base.locales is None else self.base.locales
        languages = sorted({str(language) for language in known if language})
        if len(languages) > 1:
            raise BadBase(
                f"the phrases of {self.base.folder} are of several languages ({', '.join(languages)}), and rewards are "
                "measured in one; build a base of each and tune them one by one"
            )
        return languages[0] if languages else "en"

    @cached_property
    def keys(self) -> dict[str, int]:
        """Row of each phrase by its `duplicate_key`."""
        return {duplicate_key(text): row for row, text in enumerate(self.texts)}

    @cached_property
    def _stored(self) -> list[dict[str, float]]:
        names = [name for name in self.base.contents.phrases.column_names if name.startswith("stored:")]
        columns = {name.removeprefix("stored:"): self.base.contents.phrases[name].to_pylist() for name in names}
        return [{name: column[row] for name, column in columns.items()} for row in range(len(self.texts))]

    @cached_property
    def toxic(self) -> Floats:
        """P(toxic) of each phrase as the base keeps it, float32 (phrases,); NaN where it does not."""
        kept = [[value for name, value in row.items() if name.endswith("toxicity.toxic")] for row in self._stored]
        return np.array([each[0] if each else np.nan for each in kept], dtype=np.float32)

    def foreign(self, pairs: Sequence[Pair]) -> list[Pair]:
        """The pairs whose context is none that the base was built from: there the true reply could be recited.

        Raises:
            BadInput: fewer than 20 are left.
        """
        kept = self.strangers(pairs)
        if len(kept) < 20:
            raise BadInput(
                f"of {len(pairs)} contexts {len(kept)} are not the base's own; at least 20 are needed, since for its "
                "own a policy could learn replies by heart. Give other dialogues, or a base without them"
            )
        return kept

    def strangers(self, pairs: Sequence[Pair]) -> list[Pair]:
        """As `foreign`, however few are left."""
        own = set(self.base.contents.contexts["text"].to_pylist())
        return [pair for pair in pairs if pair.context not in own]

    def top(self, heads: Heads, queries: Floats, pairs: Sequence[Pair], k: int) -> tuple[Rows, Floats]:
        """The ``k`` best phrases of each context under the heads, best first; none that a turn of it already says.

        Returns:
            Rows int64 (contexts, k) and cosines float32 (contexts, k).
        """
        seen = heads.replies(self.replies)
        asked = heads.queries(queries)
        rows = np.empty((len(pairs), k), dtype=np.int64)
        scores = np.empty((len(pairs), k), dtype=np.float32)
        for start in range(0, len(pairs), _CHUNK):
            cosines = asked[start : start + _CHUNK] @ seen.T
            for at, said in enumerate(turn_numbers(pairs[start : start + _CHUNK], self.keys)):
                cosines[at, said[said >= 0]] = -2.0
            near = np.argpartition(-cosines, k - 1, axis=1)[:, :k]
            order = np.take_along_axis(near, np.lexsort((near, -np.take_along_axis(cosines, near, 1))), axis=1)
            rows[start : start + _CHUNK] = order
            scores[start : start + _CHUNK] = np.take_along_axis(cosines, order, 1)
        return rows, scores

    def pools(self, pairs: Sequence[Pair], rows: Sequence[Sequence[int]]) -> list[Pool]:
        """Dialogs with those phrases as candidates."""
        return [
            Pool(
                dialog=Dialog.of(pair.context.split(TURN_BREAK), locale=self.locale),
                candidates=tuple(
                    Candidate(text=self.texts[row], source="retrieval", kind="retrieval", stored=self._stored[row])
                    for row in each
                ),
            )
            for pair, each in zip(pairs, rows, strict=True)
        ]
