"""Why the winner beat the runner-up: which columns are named, and in which words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from blender.explain import Voice, sentence
from blender.matrix import FeatureMatrix
from blender.records import Candidate, Pool
from blender.roles import Column, Scores

COLUMNS = {
    f"a.{name}": Column(
        name=name,
        unit="1",
        direction="neither",
        meaning=name,
        missing="never",
        says=f"more {name}",
        says_low=f"less {name}",
        per_source=name == "age",
    )
    for name in ("wit", "salt", "age")
}
NAMES = (*COLUMNS, "user.clicks")


@dataclass(frozen=True)
class Telling:
    """A ranker that has given reasons."""

    given: tuple[tuple[str, float], ...]
    needs: tuple[str, ...] = ()

    def score(self, matrix: FeatureMatrix, pools: object) -> Scores:
        raise NotImplementedError

    def reasons(self, matrix: FeatureMatrix, winner: int, other: int) -> list[tuple[str, float]]:
        return list(self.given)


def why(
    *reasons: tuple[str, float],
    loser: str = "no",
    source: str = "parrot",
    values: tuple[float, ...] = (0.0, 2.0, 0.0, 5.0),
) -> str:
    """The winner has 1.0 in every column, the loser ``values``."""
    pool = Pool.of("Hi", [Candidate(text="yes", source="parrot"), Candidate(text=loser, source=source)])
    matrix = FeatureMatrix(values=np.array([[1.0] * 4, values], dtype=np.float32), columns=NAMES, group_sizes=(2,))
    return sentence(pool, matrix, 0, 1, Voice(ranker=Telling(reasons), columns=COLUMNS))


def test_the_two_columns_that_did_most_are_named_with_both_values() -> None:
    assert why(("a.wit", 3.0), ("a.salt", 2.0), ("user.clicks", 1.0)) == (
        "It beat “no” (parrot): more wit (a.wit 1.00 against 0.00) and less salt (a.salt 1.00 against 2.00)."
    )


def test_what_is_on_each_sources_own_scale_is_compared_inside_one_source() -> None:
    given = ("a.age", 3.0), ("a.wit", 2.0)
    assert why(*given).startswith("It beat “no” (parrot): more age (a.age 1.00 against 0.00) and more wit")
    assert why(*given, source="owl") == "It beat “no” (owl): more wit (a.wit 1.00 against 0.00)."


def test_a_column_of_the_users_own_is_told_by_its_name() -> None:
    assert why(("user.clicks", 1.0)).endswith(": lower in clicks (user.clicks 1.00 against 5.00).")
    assert why(("user.clicks", 1.0), values=(0, 0, 0, 0.5)).endswith(
        ": higher in clicks (user.clicks 1.00 against 0.50)."
    )


@pytest.mark.parametrize(
    ("reason", "values"),
    [
        (("a.wit", -1.0), (0, 2, 0, 5)),
        (("a.wit", 0.0), (0, 2, 0, 5)),
        (("a.wit", 1.0), (1.001, 2, 0, 5)),
        (("a.wit", 1.0), (np.nan, 2, 0, 5)),
        (("b.none", 1.0), (0, 2, 0, 5)),
    ],
    ids=["speaks against the winner", "says nothing", "looks the same", "is unknown", "is not there"],
)
def test_what_explains_nothing_is_passed_over(reason: tuple[str, float], values: tuple[float, ...]) -> None:
    told = why(reason, ("a.salt", 0.5), values=values)
    assert told == "It beat “no” (parrot): less salt (a.salt 1.00 against 2.00)."
    assert why(reason, values=values) == "It beat “no” (parrot) by a higher score; no single measurement stands out."


def test_a_column_that_comes_twice_is_named_once() -> None:
    assert why(("a.wit", 3.0), ("a.wit", 2.0), ("a.age", 1.0)).endswith(
        ": more wit (a.wit 1.00 against 0.00) and more age (a.age 1.00 against 0.00)."
    )


def test_a_long_runner_up_is_cut() -> None:
    assert why(loser="x" * 60).startswith(f"It beat “{'x' * 60}” (parrot)")
    assert why(loser="x" * 58 + " yz").startswith(f"It beat “{'x' * 58}…” (parrot)")


@pytest.mark.parametrize("given", [{"a.wit": 3.0}, [("a.wit", None)], [3], [("a.wit", 3.0, 1)], None])
def test_reasons_that_are_none_cost_the_explanation_only(given: object) -> None:
    class Rambling(Telling):
        def reasons(self, matrix: FeatureMatrix, winner: int, other: int) -> list[tuple[str, float]]:
            return given  # type: ignore[return-value]

    pool = Pool.of("Hi", ["yes", "no"])
    matrix = FeatureMatrix(values=np.eye(2, 4, dtype=np.float32), columns=NAMES, group_sizes=(2,))
    told = sentence(pool, matrix, 0, 1, Voice(ranker=Rambling(()), columns=COLUMNS))
    assert told.startswith("It beat “no” (given) by a higher score; its ranker cannot say why (")
