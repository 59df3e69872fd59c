"""Truth inference by crowd-kit: Dawid-Skene and MACE, which learn how far each rater can be trusted.

Both need enough of every rater. Toloka, where crowd-kit is from, says it of Dawid-Skene: it estimates L^2 numbers per
rater (L different answers), so it is not to be used where a rater gave fewer than L^2 labels ("Aggregation of results",
toloka.ai/docs). Yes or no makes four. The same bound is held for MACE, which estimates two numbers per rater.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from blender.errors import BadInput, MissingPackage

Model = Literal["dawid-skene", "mace"]
Votes = Mapping[str, Mapping[str, bool]]
"""By item, what each rater said."""
RESTARTS = 5  # of MACE, the best of which is kept; a second or less each, whatever the number of labels
FEWEST = 4  # labels of a rater: the square of the number of different answers


def infer(votes: Votes, model: Model, question: str, *, seed: int = 0) -> dict[str, bool]:
    """The inferred answer of every item: yes where its probability is above one half.

    Args:
        votes: by item and rater.
        model: ``dawid-skene`` (Dawid and Skene, 1979) or ``mace`` (Hovy et al., 2013, by variational Bayes).
        question: for messages.
        seed: of MACE's restarts.

    Raises:
        BadInput: a rater has fewer than four labels, or no item has two raters, so that skill cannot be told.
        MissingPackage: crowd-kit is not installed.
    """
    judged = {item: said for item, said in votes.items() if said}
    given = {answer for said in judged.values() for answer in said.values()}
    if len(given) < 2:  # all said the same of everything, or nothing was said
        return {item: given == {True} for item in judged}
    _check(judged, model, question)
    probabilities = _fitted(judged, model, seed)
    return {item: probabilities[item] > 0.5 for item in judged}


def _check(votes: Votes, model: Model, question: str) -> None:
    counts: dict[str, int] = {}
    for said in votes.values():
        for rater in said:
            counts[rater] = counts.get(rater, 0) + 1
    few = {rater: count for rater, count in sorted(counts.items()) if count < FEWEST}
    instead = "aggregate by majority or mean"
    if few:
        names = ", ".join(f"{rater} ({count})" for rater, count in few.items())
        raise BadInput(
            f"{model} learns how far each rater can be trusted and needs {FEWEST} labels of each on {question!r}; too "
            f"few are there of {names}: {instead}, let them label more, or leave them out"
        )
    if all(len(said) < 2 for said in votes.values()):
        raise BadInput(f"{model} compares raters with each other, but no item has two raters; {instead}")


def _fitted(votes: Votes, model: Model, seed: int) -> dict[str, float]:
    """P(yes) of every item."""
    try:
        import pandas as pd
        from crowdkit.aggregation import MACE, DawidSkene
    except ImportError as fault:
        raise MissingPackage(
            f"aggregation by {model} needs crowd-kit; install it with `pip install 'response-blender[label]'`"
        ) from fault
    table = pd.DataFrame(
        [(item, rater, int(answer)) for item, said in votes.items() for rater, answer in said.items()],
        columns=["task", "worker", "label"],
    )
    # with a plain number all of MACE's restarts would begin alike
    random: Any = np.random.RandomState(seed)
    fitter = DawidSkene(n_iter=100) if model == "dawid-skene" else MACE(n_restarts=RESTARTS, random_state=random)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning, module="crowdkit")  # its calls of pandas
        shares = fitter.fit_predict_proba(table)
    return dict(zip(map(str, shares.index), shares[1].astype(float).tolist(), strict=True))
