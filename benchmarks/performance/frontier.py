"""Milliseconds of measuring one pool of 32 by each set of annotators that ``benchmarks/frontier.json`` judges.

    python benchmarks/performance/frontier.py      # writes benchmarks/performance/frontier.json

Beside them the shortlists of ``benchmarks/cascade.json``: the fast set measures all, the rest of the default set some.
Every call gets a pool (and a context) of its own, and the language model forgets the calls before, so nothing but the
models is warm. Generated candidates have no losses of their own with them: a blender whose generator is the judging
model pays less for perplexity.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from pools import GENERATED, RETRIEVED, SEED, pools
from record import interleaved, milliseconds, record

from blender.annotation import annotate
from blender.features import ANNOTATORS
from blender.features.states import States
from blender.models.language_model import load_language_model
from blender.records import Pool
from blender.roles import Annotator
from blender.training.cascade import DEAR
from blender.training.frontier import FAST, SETS

HOW = {"generated": GENERATED, "retrieved": RETRIEVED, "context tokens": "50 to 70", "threads": 1}
ROUNDS = 6
SHORTLISTS = (4, 8)


def bare(pool: Pool) -> Pool:
    """The pool as a stranger would bring it, but for the vectors of what was retrieved."""
    return replace(pool, candidates=tuple(replace(one, sampled=None) for one in pool.candidates))


def measure(
    given: Iterator[Pool],
    annotators: Mapping[str, Annotator],
    dear: Mapping[str, Annotator] | None = None,
    most: int = 0,
) -> None:
    """Annotate the next pool, as by a model that was never asked for what only other sets ask for.

    Args:
        given: pools.
        annotators: of all candidates.
        dear: of some only.
        most: how many these are, taken evenly from the pool.
    """
    load_language_model(States.model, States.dtype).forget()
    pool = next(given)
    annotate([pool], annotators)
    if dear:
        annotate([replace(pool, candidates=pool.candidates[:: len(pool) // most][:most])], dear)


def main() -> None:
    """Measure and write."""
    torch.set_num_threads(1)
    built = {
        name: ANNOTATORS.build(name, {}) for name in dict.fromkeys(name for each in SETS.values() for name in each)
    }
    given = iter([bare(pool) for pool in pools((len(SETS) + len(SHORTLISTS)) * (ROUNDS + 1))])
    # In the order of a bundle: a tail is grown before others ask the same model for states.
    chosen = {name: {each: built[each] for each in sorted(names)} for name, names in SETS.items()}
    calls = {name: partial(measure, given, some) for name, some in chosen.items()}
    fast, dear = chosen["fast"], {name: built[name] for name in sorted(DEAR)}
    calls |= {f"a shortlist of {most}": partial(measure, given, fast, dear, most) for most in SHORTLISTS}
    seconds = interleaved(calls, ROUNDS)
    values = {
        name: {"annotators": SETS.get(name, (*FAST, *DEAR)), **milliseconds(each)} for name, each in seconds.items()
    }
    record(
        "frontier", command="python benchmarks/performance/frontier.py", seed=SEED, values={"pool": HOW, "sets": values}
    )
    show(values)


def show(values: Mapping[str, Mapping[str, Any]]) -> None:
    """Print the milliseconds of each."""
    for name, one in values.items():
        print(f"{name:28}{one['median ms']:>9.1f} ms  (95 %: {one['p95 ms']:.1f}, n = {one['n']})")


if __name__ == "__main__":
    main()
