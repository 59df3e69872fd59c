"""What a phrase base holds: phrases, the contexts that point to them, and the embeddings of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import compute

from blender.errors import BadInput
from blender.index.tables import Numeral, exact

COLUMN, STORED = "column:", "stored:"


@dataclass(frozen=True, kw_only=True, eq=False)
class Contents:
    """The rows of a base; on disk they are memory-mapped.

    Attributes:
        phrases: one row per phrase: ``text``, ``times`` (how many of the phrases read collapsed into it),
            ``column:NAME`` (text or float64, null if absent) and ``stored:FINGERPRINT:annotator.column`` (float32).
        contexts: one row per context: ``text`` and ``phrase``, the row of the phrase that answered it.
        reply_vectors: (phrases, dimension), float16 or float32, rows of length 1 up to rounding.
        context_vectors: (contexts, dimension), likewise.
        indexes: files of indexes by role, bytes, to be read at the first search; by then another process may have
            replaced them. None of what was changed since.
    """

    phrases: pa.Table
    contexts: pa.Table
    reply_vectors: NDArray[np.floating]
    context_vectors: NDArray[np.floating]
    indexes: Mapping[str, NDArray[np.uint8]] = field(default_factory=dict)

    def __len__(self) -> int:
        return int(self.phrases.num_rows)

    @cached_property
    def times(self) -> NDArray[np.int64]:
        """How often each phrase occurred, int64 (phrases,)."""
        return np.asarray(_numbers(self.phrases["times"]), dtype=np.int64)

    @cached_property
    def phrase_of_context(self) -> NDArray[np.int32]:
        """Row of the phrase of every context, int32 (contexts,); of a mapped table it takes no memory."""
        return np.asarray(_numbers(self.contexts["phrase"]), dtype=np.int32)

    @cached_property
    def first_contexts(self) -> NDArray[np.int32]:
        """Row of the first context of every phrase, int32 (phrases,); -1 for one that answers nothing."""
        first = np.full(len(self), -1, dtype=np.int32)
        phrases = self.phrase_of_context
        first[phrases[::-1]] = np.arange(len(phrases), dtype=np.int32)[::-1]  # of equal indices the last counts
        return first

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that travel with the phrases."""
        names = self.phrases.column_names
        return tuple(name.removeprefix(COLUMN) for name in names if name.startswith(COLUMN))

    def where(self, values: Mapping[str, str | float]) -> NDArray[np.bool_]:
        """Which phrases have these values in their columns, bool (phrases,); one without a value is not among them.

        Raises:
            BadInput: there is no such column, or it holds numbers and the value is none.
        """
        found = np.ones(len(self), dtype=bool)
        for name, value in values.items():
            found &= self._equal(name, value)
        return found

    def _equal(self, name: str, value: str | float) -> NDArray[np.bool_]:
        if name not in self.columns:
            raise BadInput(f"the base has no column {name!r}; it has {', '.join(self.columns) or 'none'}")
        column = self.phrases[COLUMN + name]
        try:
            wanted = str(value) if column.type == "string" else float(value)
        except ValueError:
            raise BadInput(f"column {name!r} holds numbers, got {value!r}") from None
        matches = compute.equal(column, pa.scalar(wanted, column.type))  # pyright: ignore[reportAttributeAccessIssue]
        equal = matches.fill_null(False)
        return np.asarray(equal.to_numpy(), dtype=bool)

    def taken(self, rows: Sequence[int]) -> list[dict[str, Any]]:
        """The phrases at these rows, with their columns by name."""
        # A list given as it is would be looked at by way of pandas.
        wanted = pa.Array.from_buffers(pa.int64(), len(rows), [None, pa.py_buffer(np.array(rows, dtype=np.int64))])
        return list(self.phrases.take(wanted).to_pylist())

    def keep(self, rows: NDArray[np.bool_]) -> Contents:
        """The phrases where ``rows`` is true, bool (phrases,), and their contexts."""
        renumbered = np.cumsum(rows) - 1
        of_context = rows[self.phrase_of_context]
        contexts = self.contexts.filter(pa.array(of_context))
        phrase = renumbered[_numbers(contexts["phrase"])]
        return Contents(
            phrases=self.phrases.filter(pa.array(rows)),
            contexts=contexts.set_column(1, "phrase", pa.array(phrase, pa.int32())),
            reply_vectors=self.reply_vectors[rows],
            context_vectors=self.context_vectors[of_context],
        )


def _numbers(column: pa.ChunkedArray) -> NDArray[Any]:
    """A column of integers, all known; by DLPack, since pyarrow's own way imports pandas where it is installed."""
    return np.from_dlpack(column.combine_chunks())


def empty_phrases() -> pa.Table:
    """A phrase table without rows."""
    return pa.table({"text": pa.array([], pa.string()), "times": pa.array([], pa.int32())})


def context_table(texts: Sequence[str], phrases: Sequence[int]) -> pa.Table:
    """A context table."""
    return pa.table({"text": pa.array(texts, pa.string()), "phrase": pa.array(phrases, pa.int32())})


def phrase_table(
    texts: Sequence[str],
    columns: Sequence[Mapping[str, str | float]],
    base: pa.Table,
) -> pa.Table:
    """A phrase table in which every phrase occurred once, without stored columns.

    Args:
        texts: one a phrase.
        columns: what else is known of each.
        base: the phrases that these are to join; numbers read from CSV are text where its column is.

    Raises:
        BadInput: a column holds numbers for some phrases and text for others, or a whole number that is too long.
    """
    made: dict[str, Any] = {"text": pa.array(texts, pa.string()), "times": pa.array(np.ones(len(texts)), pa.int32())}
    names = dict.fromkeys(name for each in columns for name in each)
    for name in names:
        key = COLUMN + name
        as_text = key in base.column_names and base.schema.field(key).type == pa.string()
        made[key] = _column(name, [each.get(name) for each in columns], as_text=as_text)
    return pa.table(made)


def with_stored(phrases: pa.Table, stored: Mapping[str, NDArray[np.float32]]) -> pa.Table:
    """A phrase table with stored columns, by key, float32 (phrases,)."""
    for key, values in stored.items():
        phrases = phrases.append_column(STORED + key, pa.array(values, pa.float32()))
    return phrases


def join_phrases(old: pa.Table, new: pa.Table) -> pa.Table:
    """Both tables one after the other; a column that one of them lacks is null there.

    Raises:
        BadInput: a column holds numbers in one and text in the other.
    """
    for name in set(old.column_names) & set(new.column_names):
        if old.schema.field(name).type != new.schema.field(name).type:
            raise BadInput(
                f"column {name.removeprefix(COLUMN)!r} is {old.schema.field(name).type} in the base and "
                f"{new.schema.field(name).type} in the new phrases; make them alike, or build anew from all files"
            )
    return pa.concat_tables([old, new], promote_options="default").combine_chunks()


def _column(name: str, values: Sequence[str | float | None], *, as_text: bool) -> pa.Array:
    given = [value for value in values if value is not None]
    texts = sum(isinstance(value, str) for value in given)
    numbers = [value for value in given if not isinstance(value, str | Numeral)]
    if texts and numbers:
        raise BadInput(
            f"column {name!r} is text for {texts} phrases and a number for {len(numbers)}; make it one of them"
        )
    long = next((value for value in numbers if not exact(value)), None)
    if long is not None:
        raise BadInput(f"column {name!r} holds {long}, too long for a number; write it as text, in quotes")
    if texts or (as_text and not numbers):
        return pa.array([value.text if isinstance(value, Numeral) else value for value in values], pa.string())
    return pa.array(values, pa.float64())
