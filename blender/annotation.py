"""Annotating: every annotator over the pools, into one matrix; what fails is NaN and a fault."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from blender.deadline import Late, within
from blender.faults import Fault, Outcome, Runner, logged
from blender.matrix import FeatureMatrix, Floats, spans
from blender.records import Pool
from blender.roles import Annotator, Column, asked, matrix_columns
from blender.written import pools_as_written

USER = "user."
_AGAIN = ("raised", "shape")  # faults that one pool may have brought upon all


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """The features of some pools, what failed on the way by pool (none: nothing did), and seconds by annotator."""

    matrix: FeatureMatrix
    faults: tuple[tuple[Fault, ...], ...] = ()
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

    An annotator that raises or gives what it should not over several pools is asked again pool by pool, so that one
    pool costs the others nothing.

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
    begun = time.perf_counter()
    rows = sum(len(pool) for pool in pools)
    read, rest = _as_written(pools, timeout)
    order = sorted(annotators, key=lambda name: name not in first)
    needed = asked(annotators, pools)
    calls = {name: partial(annotators[name].annotate, read) for name in order if name in needed}
    work = rows if work is None else work
    outcome = runner.run(calls if rows else {}, rest, work=work, hurry=hurry, always=first)
    faults: list[list[Fault]] = [[] for _ in pools]
    blocks: list[Floats] = []
    for name, annotator in annotators.items():
        block, found = _checked(name, annotator, pools, outcome)
        if len(pools) > 1 and any(fault.reason in _AGAIN for one in found for fault in one):
            rest = None if timeout is None else max(0.0, timeout - (time.perf_counter() - begun))
            block, found = _one_by_one(name, annotator, read, runner, rest, work / rows)
        blocks.append(block)
        for mine, new in zip(faults, found, strict=True):
            mine += new
    names, values = _user_values(pools, user_columns)
    matrix = FeatureMatrix(
        values=np.hstack([*blocks, values]).astype(np.float32, copy=False),
        columns=(*matrix_columns(annotators), *names),
        group_sizes=tuple(len(pool) for pool in pools),
    )
    return Annotation(matrix=matrix, faults=tuple(map(tuple, faults)), seconds=outcome.seconds)


def _as_written(pools: Sequence[Pool], timeout: float | None) -> tuple[Sequence[Pool], float | None]:
    """What annotators are given, and the seconds left for them: none where there are too many texts to read in time."""
    if timeout == 0:
        return pools, timeout
    begun = time.perf_counter()
    try:
        with within(timeout):
            read = pools_as_written(pools)
    except Late:
        return pools, 0.0
    return read, None if timeout is None else max(0.0, timeout - (time.perf_counter() - begun))


def _one_by_one(
    name: str, annotator: Annotator, pools: Sequence[Pool], runner: Runner, timeout: float | None, each: float
) -> tuple[Floats, list[list[Fault]]]:
    """As `_checked`, of a call for each pool; ``timeout`` is for all of them, ``each`` the work of a candidate."""
    until = None if timeout is None else time.perf_counter() + timeout
    blocks: list[Floats] = []
    faults: list[list[Fault]] = []
    for pool in pools:
        rest = None if until is None else max(0.0, until - time.perf_counter())
        calls = {name: partial(annotator.annotate, [pool])} if len(pool) else {}
        outcome = runner.run(calls, rest, work=max(1, round(each * len(pool))))
        block, found = _checked(name, annotator, [pool], outcome)
        blocks.append(block)
        faults += found
    return np.vstack(blocks), faults


def _checked(
    name: str, annotator: Annotator, pools: Sequence[Pool], outcome: Outcome[Floats]
) -> tuple[Floats, list[list[Fault]]]:
    """The annotator's block as promised, float32 (n_rows, its columns), and by pool what was wrong with it."""
    columns = matrix_columns({name: annotator})
    shape = (sum(map(len, pools)), len(columns))
    nothing = np.full(shape, np.nan, dtype=np.float32)
    if name not in outcome.results:  # raised, late, or no rows
        return nothing, [[fault for fault in outcome.faults if fault.name == name] for _ in pools]
    came: object = outcome.results[name]
    if not isinstance(came, np.ndarray) or came.shape != shape or came.dtype.kind not in "fiub":
        what = f"{came.dtype} {came.shape}" if isinstance(came, np.ndarray) else type(came).__name__
        detail = f"gave {what}, should be float32 {shape}"
        fault = logged(Fault(part="annotator", name=name, reason="shape", detail=detail))
        return nothing, [[fault] for _ in pools]
    with np.errstate(over="ignore"):  # what is too large for float32 is infinite, and told
        block = np.array(came, dtype=np.float32)  # of a matrix, too, as scipy gives it
    infinite = np.isinf(block)
    block[infinite] = np.nan
    faults: list[list[Fault]] = []
    for pool, rows in zip(pools, spans(map(len, pools)), strict=True):
        unknown = _unknown(name, columns, pool, block[rows], infinite[rows])
        faults.append([unknown] if unknown else [])
    return block, faults


def _unknown(
    name: str, columns: Mapping[str, Column], pool: Pool, block: Floats, infinite: NDArray[np.bool_]
) -> Fault | None:
    """What is unknown of one pool and should be known."""
    if infinite.any():
        detail = f"{int(infinite.sum())} of {block.size} values were infinite and count as unknown"
        return logged(Fault(part="annotator", name=name, reason="infinite", detail=detail))
    with_text = np.array([bool(text.strip()) for text in pool.texts], dtype=bool)
    silent = [
        called.removeprefix(f"{name}.")
        for (called, column), values in zip(columns.items(), block[with_text].T, strict=True)
        if not column.optional and len(values) and np.isnan(values).all()
    ]
    if silent:
        detail = f"no value for any candidate in: {', '.join(silent)}"
        return logged(Fault(part="annotator", name=name, reason="nan", detail=detail))
    return None


def _user_values(pools: Sequence[Pool], expected: Sequence[str]) -> tuple[list[str], Floats]:
    """The users' own columns, sorted by name after the expected ones."""
    brought = {USER + name for pool in pools for candidate in pool.candidates for name in candidate.features}
    names = [*expected, *sorted(brought - set(expected))]
    rows = [
        [candidate.features.get(name.removeprefix(USER), np.nan) for name in names]
        for pool in pools
        for candidate in pool.candidates
    ]
    with np.errstate(over="ignore"):  # what is too large for float32 is unknown
        values = np.array(rows, dtype=np.float32).reshape(len(rows), len(names))
    values[np.isinf(values)] = np.nan
    return names, values
