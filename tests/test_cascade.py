"""Two rankers in turn: who is measured with what is dear, and whose word counts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
import pytest

from blender.assembly import Parts, assemble
from blender.baselines import BestFeature
from blender.cascade import Cascade, shortened, shortlist, words_to_read
from blender.engine import Blender
from blender.errors import BadInput, UnknownName
from blender.matrix import FeatureMatrix, Floats
from blender.records import Pool
from blender.roles import Column, Ranker, Scores
from blender.settings import Settings
from tests.toy_parts import WORDS

NAN = float("nan")
FIRST, LAST = BestFeature(column="quick.words"), BestFeature(column="dear.worth")
BOTH = Cascade(first=FIRST, last=LAST, dear=("dear",))


def matrix(dear: Sequence[float], sizes: tuple[int, ...]) -> FeatureMatrix:
    values = np.array([[float(at), worth] for at, worth in enumerate(dear)], dtype=np.float32)
    return FeatureMatrix(values=values, columns=("quick.words", "dear.worth"), group_sizes=sizes)


def order(cascade: Cascade, found: FeatureMatrix) -> list[list[int]]:
    value = cascade.score(found, ()).value
    return [np.argsort(-value[rows], kind="stable").tolist() for rows in found.groups()]


def test_what_is_measured_stands_above_the_rest_of_its_pool() -> None:
    found = matrix([5, NAN, 9, NAN, NAN, NAN, 7, 8, NAN, 1], (4, 2, 2, 2))
    assert order(BOTH, found) == [[2, 0, 3, 1], [1, 0], [1, 0], [1, 0]]


def test_any_column_of_what_is_dear_tells_that_a_candidate_was_measured() -> None:
    values = np.array([[NAN, NAN], [1, NAN], [1, 1]], dtype=np.float32)
    found = FeatureMatrix(values=values, columns=("dear.worth", "dear.facts"), group_sizes=(3,))
    assert BOTH.listed(found).tolist() == [False, True, True]
    assert BOTH.needs == ("quick", "dear"), "the first ranker's too"


def test_where_all_or_nothing_is_measured_one_ranker_speaks() -> None:
    every, nothing = matrix([3, 1, 2], (3,)), matrix([NAN, NAN, NAN], (3,))
    np.testing.assert_array_equal(BOTH.score(every, ()).value, LAST.score(every, ()).value)
    np.testing.assert_array_equal(BOTH.score(nothing, ()).value, FIRST.score(nothing, ()).value)


def test_reasons_are_those_of_the_ranker_that_decided() -> None:
    found = matrix([5, NAN, 9, NAN], (4,))
    assert [name for name, _ in BOTH.reasons(found, 2, 0)] == ["dear.worth"]
    assert [name for name, _ in BOTH.reasons(found, 2, 1)] == ["quick.words"]
    assert [name for name, _ in BOTH.reasons(found, 1, 2)] == ["quick.words"], "whichever of the two is compared"
    assert dict(BOTH.reasons(found, 2, 0)) == dict(LAST.reasons(found, 2, 0))


def test_blocked_candidates_take_no_place() -> None:
    assert shortlist(np.array([1.0, 4.0, 3.0, 2.0]), [(), ("rude",), (), ()], 2) == [2, 3]
    assert shortlist(np.array([1.0, 4.0]), [("rude",), ("rude",)], 2) == []


def test_of_equals_the_first_are_on_the_shortlist() -> None:
    assert shortlist(np.repeat([1.0, 2.0], 50), [()] * 100, 4) == [50, 51, 52, 53]


def test_shortened_pools_keep_their_order_and_say_where_they_stood() -> None:
    pools = [Pool.of("Hello there", ["a b", "c", "d"]), Pool.of("Hi", []), Pool.of("Hi", ["e", "f g h"])]
    short, rows = shortened(pools, [[2, 0, 1], [], [1]], 2)
    assert [pool.texts for pool in short] == [("a b", "d"), (), ("f g h",)]
    assert rows.tolist() == [0, 2, 4]
    assert words_to_read(short) == 2 + 3 + 1 + 3, "contexts of pools from which nothing is read do not count"


@dataclass
class Counting:
    """Words of every candidate, or how often it says "good"; notes what it was given."""

    name: str
    error: Exception | None = None
    seen: list[tuple[str, ...]] = field(default_factory=list)
    fingerprint: str = "x"

    @property
    def columns(self) -> tuple[Column, ...]:
        return (replace(WORDS, name=self.name),)

    def annotate(self, pools: Sequence[Pool]) -> Floats:
        self.seen += [pool.texts for pool in pools]
        if self.error:
            raise self.error
        values = [
            text.lower().count("good") if self.name == "worth" else len(text.split()) for p in pools for text in p.texts
        ]
        return np.array(values, dtype=np.float32)[:, None]


class NoRudeness:
    needs = ("quick",)

    def check(self, pools: Sequence[Pool], matrix: FeatureMatrix) -> list[str | None]:
        return ["rude" if "Rude" in text else None for pool in pools for text in pool.texts]


def blender(dear: Counting, size: int = 3) -> Blender:
    return Blender(
        settings=Settings.of({}),
        parts=Parts(
            sources={},
            annotators={"quick": Counting("words"), "dear": dear},
            guards={"rude": NoRudeness()},
            ranker=Cascade(first=FIRST, last=LAST, dear=("dear",), size=size),
            columns={},
        ),
    )


POOL = (
    "Good good good",
    "One two three four good",
    "One two three four five six",
    "W x y z",
    "Rude good good good good good",
)


def test_a_dear_annotator_reads_the_shortlist_only() -> None:
    dear = Counting("worth")
    choice = blender(dear).choose("Hi", POOL)
    assert dear.seen == [(POOL[1], POOL[2], POOL[3])]
    assert choice.text == POOL[1]
    assert choice.order == (1, 2, 3, 0)
    np.testing.assert_array_equal(choice.matrix.column("dear.worth"), np.array([NAN, 1, 0, 0, NAN], dtype=np.float32))
    assert choice.faults == ()
    assert {"annotate.quick", "annotate.dear"} <= set(choice.seconds)


def test_a_batch_gives_what_each_pool_gives_alone() -> None:
    pools = [Pool.of("Hi", POOL), Pool.of("Hi", []), Pool.of("Hi", ["a good one"]), Pool.of("Hi", POOL[::-1])]
    together = blender(Counting("worth")).choose_pools(pools)
    alone = [blender(Counting("worth")).choose_pools([pool])[0] for pool in pools]
    assert [one.text for one in together] == [one.text for one in alone]
    assert [one.order for one in together] == [one.order for one in alone]
    assert together[2].winner == 0


class Asked:
    """A ranker that notes how many rows it was asked about, and fails where a worth is five."""

    def __init__(self, ranker: Ranker) -> None:
        self.ranker, self.needs, self.reasons = ranker, ranker.needs, ranker.reasons
        self.rows: list[int] = []

    def score(self, matrix: FeatureMatrix, pools: Sequence[Pool]) -> Scores:
        self.rows.append(len(matrix))
        if (matrix.column("dear.worth") == 5).any():
            raise ValueError("five is too good")
        return self.ranker.score(matrix, pools)


def test_the_first_ranker_is_asked_once() -> None:
    first = Asked(FIRST)
    ours = blender(Counting("worth"))
    ours = replace(ours, parts=replace(ours.parts, ranker=replace(BOTH, first=first, size=3)))
    pools = [Pool.of("Hi", POOL), Pool.of("Hi", []), Pool.of("Hi", POOL[:2])]
    chosen = ours.choose_pools(pools)
    assert first.rows == [7]
    assert [one.order for one in chosen] == [one.order for one in blender(Counting("worth")).choose_pools(pools)]


def test_a_last_ranker_that_fails_in_one_pool_costs_the_others_nothing() -> None:
    ours = blender(Counting("worth"))
    ours = replace(ours, parts=replace(ours.parts, ranker=replace(BOTH, last=Asked(LAST), size=3)))
    pools = [Pool.of("Hi", POOL), Pool.of("Hi", ["x", "good good good good good"])]
    chosen = ours.choose_pools(pools)
    assert chosen[0].order == (1, 2, 3, 0) and not chosen[0].faults
    assert [fault.part for fault in chosen[1].faults] == ["ranker"]


def test_a_dear_annotator_that_fails_leaves_the_first_rankers_choice() -> None:
    choice = blender(Counting("worth", error=RuntimeError("no model"))).choose("Hi", POOL)
    assert choice.text == POOL[2], "the longest of those that are not rude"
    assert [(fault.name, fault.reason) for fault in choice.faults] == [("dear", "raised")]


def test_faults_of_quick_and_of_dear_annotators_are_told_together() -> None:
    broken = blender(Counting("worth", error=RuntimeError("no model")))
    parts = replace(broken.parts, annotators={**broken.parts.annotators, "quick": Counting("words", ValueError("no"))})
    choice = replace(broken, parts=parts).choose("Hi", POOL)
    assert [(fault.name, fault.reason) for fault in choice.faults] == [("quick", "raised"), ("dear", "raised")]


def test_under_a_deadline_as_many_are_read_as_there_is_time_for() -> None:
    dear = Counting("worth")
    hurried = blender(dear, size=3)
    hurried._annotating.pace.took("dear", 34.5, 100)  # with a margin the 20 words of three take 8.3 s, of two 6.6
    choice = hurried.choose("a b c d e", POOL, deadline=7.5)
    assert dear.seen == [(POOL[1], POOL[2])]
    assert choice.text == POOL[1]


def refused_long_ago(blender: Blender, seconds: float) -> None:
    """The dear annotator has once taken so long for 100 words and was not begun for it 30 s ago: an eighth of that."""
    pace = blender._annotating.pace
    pace.took("dear", seconds, 100)
    pace.refused("dear")
    later = time.monotonic() + 30
    pace.clock = lambda: later


def test_an_estimate_that_fades_does_not_have_more_begun_than_two() -> None:
    dear = Counting("worth")
    hurried = blender(dear, size=3)
    refused_long_ago(hurried, 34.5)
    hurried.choose("a b c d e", POOL, deadline=7.5)
    assert dear.seen == [(POOL[1], POOL[2])]


def test_two_are_tried_as_soon_as_the_estimate_that_fades_allows() -> None:
    dear = Counting("worth")
    hurried = blender(dear, size=3)
    refused_long_ago(hurried, 8 * 34.5)
    hurried.choose("a b c d e", POOL, deadline=7.5)
    assert dear.seen == [(POOL[1], POOL[2])]
    assert hurried._annotating.pace.usual("dear", 100) < 34.5, "what was measured counts from now on"


def test_equal_answers_take_one_place() -> None:
    assert shortlist(np.array([1.0, 4.0, 3.0, 4.0]), [()] * 4, 2, ["a", "b", "c", "b"]) == [1, 2]
    assert shortlist(np.array([1.0, 4.0, 3.0, 4.0]), [()] * 4, 3) == [1, 3, 2]


def test_who_asks_for_all_gets_all_by_one_ranker() -> None:
    dear = Counting("worth")
    choice = blender(dear).measuring_all().choose("Hi", POOL)
    assert dear.seen == [POOL]
    np.testing.assert_array_equal(choice.scores.value, LAST.score(choice.matrix, ()).value)
    plain = blender(dear).measuring_all()
    assert plain.measuring_all() is plain, "without a shortlist there is nothing to leave out"


@dataclass(frozen=True)
class Broken(BestFeature):
    """A first ranker that raises."""

    def score(self, matrix: FeatureMatrix, pools: Sequence[Pool]) -> Scores:
        raise RuntimeError("no order")


def test_a_first_ranker_that_fails_costs_the_order_and_no_pass_of_what_is_dear() -> None:
    dear = Counting("worth")
    whole = blender(dear)
    broken = Cascade(first=Broken(column="quick.words"), last=LAST, dear=("dear",))
    choice = replace(whole, parts=replace(whole.parts, ranker=broken)).choose("Hi", POOL)
    assert dear.seen == []
    assert choice.text == POOL[0]
    assert [(fault.part, fault.reason) for fault in choice.faults] == [("ranker", "raised")]


def test_what_there_is_no_time_for_is_not_begun() -> None:
    dear = Counting("worth")
    hurried = blender(dear)
    hurried._annotating.pace.took("dear", 100.0, 10)
    choice = hurried.choose("Hi", POOL, deadline=0.5)
    assert dear.seen == []
    assert choice.text == POOL[2]
    assert [(fault.name, fault.reason) for fault in choice.faults] == [("dear", "late")]
    assert "not begun" in choice.faults[0].detail


@dataclass
class Told(Counting):
    """Has nothing to say without facts."""

    needs_facts: ClassVar[bool] = True


def telling(told: Told, dear: Counting) -> Blender:
    made = blender(dear)
    annotators = {**made.parts.annotators, "told": told}
    ranker = Cascade(first=FIRST, last=LAST, dear=("told", "dear"), size=3)
    return replace(made, parts=replace(made.parts, annotators=annotators, ranker=ranker))


def test_what_needs_facts_is_asked_where_there_are_facts_and_after_the_others() -> None:
    order: list[tuple[str, ...]] = []
    told, dear = Told("truth", seen=order), Counting("worth", seen=order)
    choice = telling(told, dear).choose("Hi", POOL)
    assert len(order) == 1 and choice.faults == ()
    assert np.isnan(choice.matrix.column("told.truth")).all()
    late = Told("truth", error=RuntimeError("asked last"), seen=order)
    both = telling(late, replace(dear, seen=[])).choose("Hi", POOL, facts=["It is so."])
    assert order[1:] == [(POOL[1], POOL[2], POOL[3])]
    assert [fault.name for fault in both.faults] == ["told"]
    assert both.text == POOL[1], "what the others measured stands"


def test_for_the_sake_of_facts_no_less_is_read_by_the_others() -> None:
    told, dear = Told("truth"), Counting("worth")
    hurried = telling(told, dear)
    hurried._annotating.pace.took("told", 100.0, 10)
    choice = hurried.choose("Hi", POOL, facts=["It is so."], deadline=5)
    assert dear.seen == [(POOL[1], POOL[2], POOL[3])]
    assert told.seen == []
    assert [(fault.name, fault.reason) for fault in choice.faults] == [("told", "late")]


def test_the_default_blender_shortlists_by_the_fast_ranker() -> None:
    parts = assemble(Settings.find("default"))
    assert parts.cascade is not None
    assert set(parts.dear) == {"coherence", "consistency", "states"}
    assert set(parts.cascade.first.needs) == set(parts.quick)
    assert parts.first_fingerprint not in ("", parts.fingerprint)


@pytest.mark.parametrize(
    ("ranker", "error", "says"),
    [
        (
            {"first": "fast", "shortlist": 1},
            BadInput,
            "shortlist of the ranker must be a whole number of at least 2, got 1",
        ),
        ({"first": "fast", "shortlist": True}, BadInput, "must be a whole number"),
        ({"first": "default"}, BadInput, "nothing is left for a shortlist"),
        ({"shortlist": 4}, BadInput, "shortlist under .ranker. needs the ranker 'learned'"),
        ({"use": "rrf", "first": "fast"}, BadInput, "got use = 'rrf'"),
        ({"first": "nowhere"}, UnknownName, "nowhere"),
    ],
)
def test_a_wrong_shortlist_is_refused(ranker: dict[str, object], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        assemble(Settings(bundle="default", ranker=ranker))
