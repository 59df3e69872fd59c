"""A choice as a value: shown, sent to another process, written as JSON."""

from __future__ import annotations

import json
import pickle
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace

import numpy as np
import pytest

from blender.matrix import FeatureMatrix
from blender.records import Candidate, Dialog, Pool
from blender.roles import Scores
from tests.toy_parts import Longest, blender


def test_a_choice_is_pickled_with_its_explanation() -> None:
    choice = blender().reply("Hi!")
    again = pickle.loads(pickle.dumps(choice))  # noqa: S301
    assert (again.text, again.why(), again.order) == (choice.text, choice.why(), choice.order)
    np.testing.assert_array_equal(again.matrix.values, choice.matrix.values)
    assert pickle.loads(pickle.dumps(again)).why() == choice.why()  # noqa: S301


def test_a_choice_is_plain_values_for_json() -> None:
    choice = blender().reply("Hi!")
    plain = json.loads(json.dumps(choice.as_dict(), allow_nan=False))
    assert plain.pop("seconds").keys() == choice.seconds.keys()
    assert [one["blocked"] for one in plain["pool"]] == [[], [], ["rude"]]
    first = plain.pop("pool")[0]
    assert plain == {
        "id": "dialog",
        "turns": [{"speaker": "human", "text": "Hi!"}],
        "facts": [],
        "locale": "en",
        "text": "a longer one",
        "source": "parrot",
        "winner": 1,
        "abstained": None,
        "sensible": None,
        "specific": None,
        "why": choice.why(),
        "faults": [],
        "notes": [],
    }
    assert first == {
        "text": "short",
        "source": "parrot",
        "kind": "retrieval",
        "origins": ["parrot"],
        "rank": 0,
        "score": None,
        "matched": None,
        "value": 1.0,
        "sensible": None,
        "specific": None,
        "blocked": [],
        "features": {"words.words": 1.0},
    }
    nothing = blender().choose("Hi!", []).as_dict()
    assert nothing["abstained"] == "no source proposed anything" and nothing["pool"] == []


@dataclass(frozen=True)
class Sure(Longest):
    def score(self, matrix: FeatureMatrix, pools: Sequence[Pool]) -> Scores:
        words = matrix.column("words.words")
        return Scores(value=words, sensible=words / np.float32(10), specific=words / np.float32(100))


def test_probabilities_are_those_of_the_winner_and_of_every_candidate() -> None:
    choice = blender(ranker=Sure()).reply("Hi!")
    assert [choice.sensible, choice.specific] == pytest.approx([0.3, 0.03])
    plain = choice.as_dict()
    assert (plain["sensible"], plain["specific"]) == (0.3, 0.03), "by its shortest digits"
    found = [(one["value"], one["sensible"], one["specific"]) for one in plain["pool"]]
    assert found == [(1, 0.1, 0.01), (3, 0.3, 0.03), (5, 0.5, 0.05)], "blocked ones, too"


def test_coordinates_of_points_are_not_told() -> None:
    choice = blender().choose("Hi!", ["a", "b c"])
    values = np.array([[1, 7], [2, 8]], dtype=np.float32)
    point = FeatureMatrix(values=values, columns=("words.words", "states.mean#0"), group_sizes=(2,))
    told = replace(choice, matrix=point).as_dict()["pool"]
    assert [one["features"] for one in told] == [{"words.words": 1.0}, {"words.words": 2.0}]


def test_no_more_are_the_best_than_were_asked_for() -> None:
    choice = blender().reply("Hi!")
    assert [[candidate.text for candidate in choice.top(n)] for n in (-1, 0, 1, 9)] == [
        [],
        [],
        ["a longer one"],
        ["a longer one", "short"],
    ]


def test_what_a_notebook_shows_is_short() -> None:
    whole = blender()
    assert repr(whole.reply("Hi!")) == "Selection(text='a longer one', source='parrot', winner=1, candidates=3)"
    assert "abstained='no source proposed anything', candidates=0" in repr(whole.choose("Hi!", []))
    assert len(repr(whole)) < 2000


def test_a_blender_is_its_own_copy_and_says_why_it_is_not_pickled() -> None:
    whole = blender()
    assert deepcopy({"b": whole})["b"] is whole
    with pytest.raises(TypeError, match="load it in each process"):
        pickle.dumps(whole)


def test_dialogs_of_another_language_are_noted() -> None:
    whole = blender()
    (other,) = whole.choose_pools([Pool.of("Привет!", ["a"], locale="ru")])
    assert any("says its language is 'ru', this blender speaks 'en'" in note for note in other.notes)
    assert any("not in Latin letters" in note for note in whole.choose("Привет, как дела?", ["a"]).notes)
    assert whole.choose("Hello!", ["a", "b"]).notes == ()
    assert Pool.of("Hi!", ["a"], facts=["I hike."]).dialog.facts == ("I hike.",)
    assert whole.choose("Hi!", ["a"], facts=["I hike."]).pool.dialog.facts == ("I hike.",)


@dataclass(frozen=True)
class Speechless(Longest):
    def reasons(self, matrix: FeatureMatrix, winner: int, other: int) -> list[tuple[str, float]]:
        raise RuntimeError("no words")


@dataclass(frozen=True)
class Unsure(Longest):
    def score(self, matrix: FeatureMatrix, pools: Sequence[Pool]) -> Scores:
        return Scores.plain(np.full(len(matrix), np.nan))


def test_a_ranker_that_fails_costs_the_order_or_the_explanation() -> None:
    assert "cannot say why (RuntimeError: no words)" in blender(ranker=Speechless()).reply("Hi!").why()
    choice = blender(ranker=Unsure()).reply("Hi!")
    assert choice.text == "short" and "all its scores are NaN" in str(choice.faults[0])


def test_every_fault_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    @dataclass(frozen=True)
    class Leaving:
        needs: tuple[str, ...] = ()

        def check(self, pools: Sequence[Pool], matrix: FeatureMatrix) -> list[str | None]:
            raise SystemExit(1)

    choice = blender(guard=Leaving()).reply("Hi!")
    assert choice.abstained and "guard" in str(choice.faults[0])
    assert any("raised: SystemExit: 1" in record.message for record in caplog.records)


def test_a_reason_without_words_blocks_too() -> None:
    @dataclass(frozen=True)
    class Silent:
        needs: tuple[str, ...] = ()

        def check(self, pools: Sequence[Pool], matrix: FeatureMatrix) -> list[str | None]:
            return [""] * len(matrix)

    assert blender(guard=Silent()).reply("Hi!").winner is None


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"rank": "a"}, "rank is a whole number"),
        ({"rank": 1.5}, "rank is a whole number"),
        ({"score": "a"}, "score must be a number"),
        ({"matched": [1]}, "must be text"),
        ({"features": None}, "features must map"),
        ({"stored": None}, "stored must map"),
        ({"evidence": None}, "evidence must be a list"),
    ],
)
def test_a_candidate_is_checked_when_it_is_made(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Candidate(text="a", **wrong)  # type: ignore[arg-type]
    numpys = Candidate(text="a", rank=np.int64(2), score=np.float32(1), features={"x": np.float32(1)})  # type: ignore[arg-type, dict-item]
    assert (numpys.rank, numpys.score, numpys.features) == (2, 1.0, {"x": 1.0})
    assert {type(each) for each in (numpys.rank, numpys.score, numpys.features["x"])} == {int, float}


def test_wrong_calls_say_what_is_accepted() -> None:
    whole = blender()
    for call, message in (
        (lambda: whole.choose("Hi!", [{"text": "a"}]), r"make Candidate\(text=...\)"),  # type: ignore[list-item]
        (lambda: whole.choose("Hi!", None), "candidates must be a list"),  # type: ignore[arg-type]
        (lambda: whole.choose_pools([("Hi!", ["a"])]), "pools must be Pool records"),  # type: ignore[list-item]
    ):
        with pytest.raises(ValueError, match=message):
            call()
    pools = (Pool.of(Dialog.of("Hi!"), ["a"]) for _ in range(2))
    assert len(whole.choose_pools(pools)) == 2
