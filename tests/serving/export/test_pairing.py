from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from blender.errors import BadInput
from blender.records import Dialog
from blender.serving.export.judged import Answer, JudgedPool
from blender.serving.export.pairing import PairSettings, pairs_of, usable


def answer(text: str, score: float, **more: Any) -> Answer:
    return Answer(**{"source": "s", "kind": "generator", **more, "text": text, "score": score})


def texts(answers: list[Answer], skipped: Counter[str] | None = None, **settings: Any) -> list[tuple[str, str, float]]:
    counts = Counter() if skipped is None else skipped
    given = PairSettings(**settings)
    pool = JudgedPool(dialog=Dialog.of("Hi!"), answers=tuple(answers), dataset="d", family="f", target="t")
    pairs = pairs_of(usable(pool, given, counts), given, counts)
    return [(pair.chosen.text, pair.rejected.text, round(pair.margin, 3)) for pair in pairs]


ABC = [answer("a", 0.4), answer("b", 1.0), answer("c", 0.0)]


def test_the_best_is_paired_with_the_worst() -> None:
    assert texts(ABC) == [("b", "c", 1.0)]


def test_all_pairs_come_by_their_margin_no_more_than_asked_for() -> None:
    assert texts(ABC, which="all") == [("b", "c", 1.0), ("b", "a", 0.6), ("a", "c", 0.4)]
    assert texts(ABC, which="all", most=1) == [("b", "c", 1.0)]
    assert texts(ABC, which="all", margin=0.5) == [("b", "c", 1.0), ("b", "a", 0.6)]
    assert texts(ABC, which="all", margin=0.6) == [("b", "c", 1.0), ("b", "a", 0.6)], "0.6 in floats is below 0.6"


def test_a_blocked_answer_is_rejected_never_chosen() -> None:
    blocked = answer("b", 1.0, blocked=("toxicity 0.9 > 0.8",))
    assert texts([ABC[0], blocked, ABC[2]]) == [("a", "c", 0.4)]
    assert texts([ABC[0], answer("x", 0.0, blocked=("echo",))]) == [("a", "x", 0.4)]
    skipped: Counter[str] = Counter()
    assert texts([blocked, answer("x", 0.0, blocked=("echo",))], skipped) == []
    assert skipped["dialogs: every answer is blocked"] == 1


def test_the_same_words_are_one_answer_of_the_mean_score() -> None:
    skipped: Counter[str] = Counter()
    assert texts([answer("Yes.", 1.0), answer("yes", 0.5), answer("No.", 0.0)], skipped) == [("Yes.", "No.", 0.75)]
    assert skipped["answers: same words as another of the dialog (counted with it)"] == 1
    both = [answer("Yes.", 1.0), answer("yes!", 1.0, blocked=("echo",)), answer("No.", 0.0)]
    assert texts(both) == [], "one guard's block holds for the words, whoever said them"


def test_what_cannot_be_compared_is_counted() -> None:
    skipped: Counter[str] = Counter()
    given = [answer(" ", 1.0), answer("a", float("nan")), answer("b", 1.0, kind="human"), answer("c", 0.0)]
    assert texts(given, skipped, machine_only=True) == []
    assert dict(+skipped) == {
        "answers: without words": 1,
        "answers: not judged": 1,
        "answers: not a machine's": 1,
        "dialogs: fewer than two answers that can be compared": 1,
    }


def test_ties_and_narrow_margins_are_told_apart() -> None:
    skipped: Counter[str] = Counter()
    assert texts([answer("a", 0.5), answer("b", 0.5)], skipped, margin=0.0) == []
    assert texts([answer("a", 0.5), answer("b", 0.55)], skipped) == []
    assert skipped["dialogs: all answers are worth the same"] == skipped["dialogs: no margin is wide enough"] == 1


@pytest.mark.parametrize("wrong", [{"margin": -1.0}, {"margin": float("nan")}, {"most": 0}])
def test_wrong_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="margin of 0 or more"):
        PairSettings(**wrong)
