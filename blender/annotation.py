"""Annotating: every annotator over the pools, into one matrix; what fails is NaN and a fault."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from blender.faults import Fault, Runner
from blender.matrix import FeatureMatrix, Floats
from blender.records import Pool
from blender.roles import Annotator, matrix_columns
from blender.written import pools_as_written

USER = "user."


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """The features of some pools, what failed on the way, and seconds by annotator."""

    matrix: FeatureMatrix
    faults: tuple[Fault, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)


def annotate(
    pools: Sequence[Pool],
    annotators: Mapping[str, Annotator],
    *,
    user_columns: Sequence[str] = (),
    runner: Runner | None = None,
    timeout: float | None = None,
    hurry: bool = False,
    first: Collection[str] = (),
    work: int | None = None,
) -> Annotation:
    """Measure every candidate with every annotator.

    Args:
        pools: may be of any and of unequal size; annotators get them as ``blender.written`` says.
        annotators: by name; their columns are called ``name.column``.
        user_columns: ``user.NAME`` columns that must be there even if no candidate brings them (NaN then).
        runner: keeps account of plug-ins that hang, from call to call.
        timeout: seconds for all annotators together; those without an answer by then are NaN.
        hurry: do not begin those that usually take longer.
        first: begin these first and in any case, as guards need them.
        work: what their pace goes by; default: the number of candidates.
    """
    runner = runner or Runner(part="annotator")
    rows = sum(len(pool) for pool in pools)
    read = pools_as_written(pools)
    order = sorted(annotators, key=lambda name: name not in first)
    calls = {name: lambda annotator=annotators[name]: annotator.annotate(read) for name in order}
    work = rows if work is None else work
    outcome = runner.run(calls if rows else {}, timeout, work=work, hurry=hurry, always=first)
    with_text = np.array([bool(text.strip()) for pool in pools for text in pool.texts], dtype=bool)
    faults = list(outcome.faults)
    blocks: list[Floats] = []
    for name, annotator in annotators.items():
        block, fault = _checked(name, annotator, outcome.results.get(name), with_text)
        faults += [fault] if fault else []
        blocks.append(block)
    names, values = _user_values(pools, user_columns)
    matrix = FeatureMatrix(
        values=np.hstack([*blocks, values]).astype(np.float32, copy=False),
        columns=(*matrix_columns(annotators), *names),
        group_sizes=tuple(len(pool) for pool in pools),
    )
    return Annotation(matrix=matrix, faults=tuple(faults), seconds=outcome.seconds)


def _checked(
    name: str, annotator: Annotator, came: object, with_text: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> tuple[Floats, Fault | None]:
    """The annotator's block as promised, float32 (n_rows, its columns), and what was wrong with it."""
    columns = matrix_columns({name: annotator})
    shape = (len(with_text), len(columns))
    nothing = np.full(shape, np.nan, dtype=np.float32)
    if came is None:  # raised, late, or no rows: already accounted for
        return nothing, None
    if not isinstance(came, np.ndarray) or came.shape != shape or came.dtype.kind not in "fiub":
        what = f"{came.dtype} {came.shape}" if isinstance(came, np.ndarray) else type(came).__name__
        detail = f"gave {what}, should be float32 {shape}"
        return nothing, Fault(part="annotator", name=name, reason="shape", detail=detail)
    block = came.astype(np.float32)
    infinite = np.isinf(block)
    if infinite.any():
        block[infinite] = np.nan
        detail = f"{int(infinite.sum())} of {block.size} values were infinite and count as unknown"
        return block, Fault(part="annotator", name=name, reason="infinite", detail=detail)
    silent = [
        called.removeprefix(f"{name}.")
        for (called, column), values in zip(columns.items(), block[with_text].T, strict=True)
        if not column.optional and len(values) and np.isnan(values).all()
    ]
    if silent:
        detail = f"no value for any candidate in: {', '.join(silent)}"
        return block, Fault(part="annotator", name=name, reason="nan", detail=detail)
    return block, None


def _user_values(pools: Sequence[Pool], expected: Sequence[str]) -> tuple[list[str], Floats]:
    """The users' own columns, sorted by name after the expected ones."""
    brought = {USER + name for pool in pools for candidate in pool.candidates for name in candidate.features}
    names = [*expected, *sorted(brought - set(expected))]
    rows = [
        [candidate.features.get(name.removeprefix(USER), np.nan) for name in names]
        for pool in pools
        for candidate in pool.candidates
    ]
    values = np.array(rows, dtype=np.float32).reshape(len(rows), len(names))
    values[np.isinf(values)] = np.nan
    return names, values
