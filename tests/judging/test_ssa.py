from __future__ import annotations

import math
import time
from dataclasses import replace

import numpy as np
import pytest

from blender.errors import BadInput, UnknownName
from blender.judging.answers import answers
from blender.judging.by_dialog import by_dialog
from blender.judging.pools import AGGREGATED, LabelledPool, Ratings
from blender.judging.ssa import SystemScore, ssa
from tests.judging.conftest import Label, pool


def rated(sensible: list[list[float]], specific: list[list[float]]) -> Ratings:
    s, c = np.array(sensible, dtype=np.float32), np.array(specific, dtype=np.float32)
    return Ratings(raters=tuple("xyz"[: len(s)]), named=True, sensible=s, specific=c, overall=s * np.nan)


def test_shares_by_system_with_what_was_not_judged_counted_apart() -> None:
    pools = [
        pool("d1", {"a": (1, 1), "b": (1, 0)}),
        pool("d2", {"a": (1, 0), "b": (0, 0)}),
        pool("d3", {"a": (None, None), "b": (1, 1)}),
        pool("d4", {"c": (None, None)}),
    ]
    found = ssa(pools, draws=200)
    a, b, c = found.system("a"), found.system("b"), found.system("c")
    assert [score.system for score in found.systems] == ["a", "b", "c"]
    assert (a.sensible.value, a.specific.value, a.ssa.value) == (1, 0.5, 0.75)
    assert b.ssa.value == pytest.approx((2 / 3 + 1 / 3) / 2) and b.ssa.low < b.ssa.value < b.ssa.high
    assert (a.answers, a.unjudged, a.dialogs) == (2, 1, 2) and (c.answers, c.unjudged) == (0, 1)
    assert math.isnan(c.ssa.value)  # not judged is never 0
    with pytest.raises(UnknownName, match="system"):
        found.system("d")


def test_raters_are_gated_one_by_one() -> None:
    nan = math.nan
    # a: x finds it specific but not sensible, which counts as neither; z gave no second label and is left out
    one = pool("d", {"a": (0.5, 1)}, ratings=rated([[0], [1], [1]], [[1], [1], [nan]]))
    found = ssa([one], draws=10)
    assert found.definition == "gated SSA per rater"
    assert (found.systems[0].sensible.value, found.systems[0].specific.value) == (0.5, 0.5)


def test_an_aggregated_label_stands_above_the_ratings_behind_it() -> None:
    ratings = rated([[1], [1], [0]], [[1], [0], [0]])
    found = ssa([pool("d", {"a": (1, 0)}, ratings=ratings, flags=(f"{AGGREGATED}majority",))], draws=10)
    assert found.definition == "mean of sensible and specific, aggregated by majority"
    assert (found.systems[0].sensible.value, found.systems[0].specific.value) == (1, 0)


def test_sensible_alone_gives_no_ssa_and_no_sensible_is_refused() -> None:
    found = ssa([pool("d", {"a": (1, None)})], draws=10)
    assert found.definition == "sensible" and found.systems[0].sensible.value == 1
    assert math.isnan(found.systems[0].ssa.value) and found.systems[0].answers == 1
    with pytest.raises(BadInput, match="no candidate has a label"):
        ssa([pool("d", {"a": (None, None)})])


def test_turns_of_a_dialog_are_drawn_together() -> None:
    draw = np.random.default_rng(0)
    mood = draw.integers(0, 2, 40).astype(float)
    apart = [pool(f"d{d}#{t}", {"a": (mood[d], mood[d])}) for d in range(40) for t in range(5)]
    together = [
        pool(f"d{d}#{t}", {"a": (mood[d], mood[d])}, slices={"dialog": f"d{d}", "turn": str(t)})
        for d in range(40)
        for t in range(5)
    ]
    alone, whole = ssa(apart).systems[0], ssa(together).systems[0]
    assert (alone.dialogs, whole.dialogs) == (200, 40) and alone.ssa.value == whole.ssa.value
    # five turns that say the same are worth one: the interval is sqrt(5) as wide
    assert (whole.ssa.high - whole.ssa.low) / (alone.ssa.high - alone.ssa.low) == pytest.approx(math.sqrt(5), rel=0.15)


@pytest.mark.parametrize("dialogs", [5, 12, 30])
def test_few_dialogs_give_intervals_that_hold_the_truth(dialogs: int) -> None:
    draw, held = np.random.default_rng(dialogs), []
    for seed in range(200):
        pools = [pool(f"d{at}", {"a": (1, 1) if draw.random() < 0.8 else (0, 0)}) for at in range(dialogs)]
        found = ssa(pools, draws=200, seed=seed).systems[0].ssa
        held.append(found.low <= 0.8 <= found.high)
    assert np.mean(held) > 0.91


def test_in_a_dialog_too_empty_answers_do_not_outnumber_the_others() -> None:
    turns = [silent("0"), spoken("1", 1), spoken("2", None)]
    of = by_dialog(answers([replace(each, slices={"dialog": "d"}) for each in turns]), "ssa")
    assert of.values[0, 0] == pytest.approx(1 / (1 + 0.5))  # half of what it said is judged: the empty one counts half


def test_labels_that_are_all_alike_leave_room_for_others() -> None:
    found = [ssa([pool(f"d{at}", {"a": (1, 1)}) for at in range(n)], draws=10).systems[0].ssa for n in (1, 10, 1000)]
    assert [one.high for one in found] == [1, 1, 1]
    assert [one.low for one in found] == pytest.approx([0.207, 0.722, 0.996], abs=0.001)  # n / (n + 1.96^2)


def spoken(id: str, label: float | None) -> LabelledPool:
    return pool(id, {"quiet": (label, label)})


def silent(id: str) -> LabelledPool:
    made = spoken(id, 0)
    said = replace(made.pool.candidates[0], text=" ")
    return replace(made, pool=replace(made.pool, candidates=(said,)))


def test_empty_answers_do_not_outnumber_the_others_while_labels_are_few() -> None:
    def score(judged: int) -> SystemScore:
        said = [spoken(f"d{at}", at % 2 if at < judged else None) for at in range(40)]
        return ssa([*said, *(silent(f"e{at}") for at in range(40))], draws=200).systems[0]

    few, every, none = score(10), score(40), score(0)
    assert few.ssa.value == pytest.approx(0.25) and every.ssa.value == pytest.approx(0.25)
    assert few.ssa.high - few.ssa.low > 1.5 * (every.ssa.high - every.ssa.low)
    assert (few.answers, few.unjudged) == (50, 30)
    assert math.isnan(none.ssa.value)
    assert ssa([silent("e")], draws=10).systems[0].ssa.value == 0


def test_senseless_answers_do_not_outnumber_those_of_which_specific_was_left_open() -> None:
    said: list[Label] = [*[(1, at % 2) for at in range(20)], *[(1, None)] * 20, *[(0, 0)] * 40]
    pools = [
        *(pool(f"d{at}", {"quiet": label}) for at, label in enumerate(said)),
        *(silent(f"e{at}") for at in range(80)),
    ]
    score = ssa(pools, draws=50).systems[0]
    assert (score.sensible.value, score.specific.value) == (0.25, 0.125)
    assert score.ssa.value == pytest.approx((0.25 + 0.125) / 2)


def test_slices_of_more_than_one_value_in_natural_order() -> None:
    pools = [
        pool(f"d{at}", {"a": (1, at % 2), "b": (0, 0)}, slices={"turn": str(turn), "cluster": "1"}, turns=2 * at + 1)
        for at, turn in enumerate([1, 2, 10])
    ]
    found = ssa(pools, draws=20)
    shown = [(one.name, one.value) for one in found.slices]
    assert [value for name, value in shown if name == "turn"] == ["1", "2", "10"]
    assert [value for name, value in shown if name == "length"] == ["1 turn", "2-3 turns", "4-6 turns"]
    assert {name for name, _ in shown} == {"turn", "length"}  # one cluster, one language, one kind: nothing to compare
    second = next(one for one in found.slices if one.value == "2-3 turns")
    assert [(score.system, score.ssa.value) for score in second.systems] == [("a", 1), ("b", 0)]


def test_the_language_and_the_kind_of_source_are_slices_too() -> None:
    table = answers([pool("d", {"a": (1, 1)}, slices={"language": "ru"}), pool("e", {"a": (1, 1)})])
    assert table.slices["language"] == ("ru", "en") and table.slices["kind"] == ("generator", "generator")


@pytest.mark.slow
def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    draw = np.random.default_rng(0)
    held = []
    for seed in range(150):
        labels = (draw.random(100) < 0.6).astype(float)
        score = ssa([pool(f"d{at}", {"a": (y, y)}) for at, y in enumerate(labels)], draws=300, seed=seed).systems[0]
        held.append(score.ssa.low <= 0.6 <= score.ssa.high)
    assert np.mean(held) == pytest.approx(0.95, abs=0.05)


@pytest.mark.slow
def test_ten_thousand_answers_take_seconds() -> None:
    draw = np.random.default_rng(0)
    pools = [
        pool(f"d{at}", {name: (float(draw.integers(2)), float(draw.integers(2))) for name in "abcde"})
        for at in range(2000)
    ]
    start = time.perf_counter()
    found = ssa(pools, draws=2000)
    assert time.perf_counter() - start < 20  # about 2 s on two idle cores
    assert found == ssa(pools, draws=2000)
