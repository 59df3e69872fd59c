"""What a part that fails, hangs or gives nonsense costs: its own columns or candidates, never the answer."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from blender.annotation import annotate
from blender.deadline import Late
from blender.engine import Blender
from blender.errors import BadInput
from blender.faults import Runner
from blender.matrix import FeatureMatrix, Floats
from blender.records import Candidate, Dialog, Pool
from blender.roles import Column, Incomplete, Scores
from tests.toy_parts import WORDS, Broken, Longest, NoRudeness, Parrot, Words, blender


def shape(pools: Sequence[Pool]) -> Floats:
    return np.zeros((1, 7), dtype=np.float32)


def infinite(pools: Sequence[Pool]) -> Floats:
    return np.array([[np.inf if text == "Short" else 1.0] for pool in pools for text in pool.texts], dtype=np.float32)


def unknown(pools: Sequence[Pool]) -> Floats:
    return np.full((sum(map(len, pools)), 1), np.nan, dtype=np.float32)


def raising(pools: Sequence[Pool]) -> Floats:
    raise RuntimeError("no weights")


@pytest.mark.parametrize(
    ("instead", "message"),
    [
        (raising, "annotator words raised: RuntimeError: no weights"),
        (shape, "annotator words shape: gave float32 (1, 7), should be float32 (3, 1)"),
        (infinite, "annotator words infinite: 1 of 3 values were infinite and count as unknown"),
        (unknown, "annotator words nan: no value for any candidate in: words"),
    ],
)
def test_an_annotator_that_fails_costs_its_columns_not_the_answer(
    instead: Callable[[Sequence[Pool]], Floats], message: str
) -> None:
    choice = blender(annotator=Words(instead=instead)).reply("Hi")
    assert choice.winner is not None
    assert [str(fault) for fault in choice.faults] == [message]
    assert not np.isinf(choice.matrix.values).any()


def test_an_annotator_that_hangs_costs_its_columns_and_its_time_only() -> None:
    release = threading.Event()

    def hang(pools: Sequence[Pool]) -> Floats:
        release.wait(30)
        return unknown(pools)

    begun = time.perf_counter()
    choice = blender(annotator=Words(instead=hang), timeout=0.1).reply("Hi")
    took = time.perf_counter() - begun
    release.set()
    assert choice.text == "short"
    assert [fault.reason for fault in choice.faults] == ["late"]
    assert took < 10


def test_one_poisonous_dialog_costs_the_others_of_its_batch_nothing() -> None:
    def picky(pools: Sequence[Pool]) -> Floats:
        if any(pool.dialog.last == "Poison" for pool in pools):
            raise RuntimeError("poisoned")
        return Words().annotate(pools)

    good, bad = blender(annotator=Words(instead=picky)).reply_batch(["Hi", "poison"])
    assert (good.text, good.faults) == ("a longer one", ())
    assert [fault.reason for fault in bad.faults] == ["raised"]


def test_a_source_that_fails_costs_its_candidates() -> None:
    choice = blender({"broken": Broken(), "parrot": Parrot(texts=("hello there",))}).reply("Hi")
    assert choice.text == "hello there"
    assert [str(fault) for fault in choice.faults] == ["source broken raised: RuntimeError: it broke"]


def test_candidates_bear_the_name_their_source_has_in_the_settings() -> None:
    choice = blender({"first": Parrot(texts=("one",)), "second": Parrot(texts=("two words",))}).reply("Hi")
    assert [candidate.source for candidate in choice.pool.candidates] == ["first", "second"]
    assert choice.pool.candidates[1].origins[0].source == "second"


def test_a_source_that_gives_what_is_no_candidate_is_named() -> None:
    class Odd:
        def propose(self, dialogs: Sequence[Dialog], k: int) -> list[list[Candidate]]:
            return [["text"] for _ in dialogs]  # type: ignore[list-item]

    choice = blender({"odd": Odd()}).reply("Hi")
    assert choice.abstained == "no source proposed anything"
    assert [fault.reason for fault in choice.faults] == ["bad candidate"]


def test_a_guard_that_fails_blocks_all_but_canned_answers() -> None:
    candidates = [Candidate(text="a generated one", kind="generator"), Candidate(text="canned", kind="canned")]
    choice = blender(guard=Broken()).choose("Hi", candidates)
    assert choice.text == "canned"
    assert choice.blocked == (("rude: the guard failed",), ())


def test_a_ranker_that_fails_leaves_the_order_of_the_pool() -> None:
    choice = blender(ranker=Broken()).reply("Hi")
    assert choice.text == "short"
    assert [fault.part for fault in choice.faults] == ["ranker"]
    assert blender(ranker=Broken()).choose("Hi", []).faults == (), "it is not asked about nothing"


def test_a_ranker_that_knows_nothing_of_one_pool_leaves_the_order_of_that_pool() -> None:
    @dataclass(frozen=True)
    class Partial(Longest):
        def score(self, matrix: FeatureMatrix, pools: Sequence[Pool]) -> Scores:
            known = [pool.dialog.last != "Poison" for pool in pools for _ in pool.candidates]
            return Scores.plain(np.where(known, matrix.column("words.words"), np.nan))

    pools = [Pool.of(said, ["one", "two words"]) for said in ("Hi", "Poison")]
    good, bad = blender(ranker=Partial()).choose_pools(pools)
    assert (good.winner, good.faults, bad.winner) == (1, (), 0)
    assert [fault.part for fault in bad.faults] == ["ranker"]


def test_a_ranker_without_its_columns_is_a_wrong_set_up_and_said() -> None:
    with pytest.raises(BadInput, match="no such column"):
        blender(ranker=Broken(error=BadInput("no such column"))).choose("Hi", ["one"])


def test_a_ranker_that_is_late_leaves_the_order_of_the_pool() -> None:
    choice = blender(ranker=Broken(error=Late("the deadline is over"))).choose("Hi", ["one"])
    assert (choice.text, [fault.part for fault in choice.faults]) == ("one", ["ranker"])


def test_whoever_stops_the_program_stops_it() -> None:
    stop = Broken(error=KeyboardInterrupt())
    for made in (blender(guard=stop), blender(ranker=stop)):
        with pytest.raises(KeyboardInterrupt):
            made.choose("Hi", ["one"])


@pytest.mark.parametrize("part", ["guard", "ranker"])
def test_a_guard_or_ranker_that_fails_in_one_pool_costs_the_others_nothing(part: str) -> None:
    @dataclass(frozen=True)
    class Picky:
        needs: tuple[str, ...] = ()

        def check(self, pools: Sequence[Pool], matrix: FeatureMatrix) -> list[str | None]:
            return NoRudeness().check(self.bearable(pools), matrix)

        def score(self, matrix: FeatureMatrix, pools: Sequence[Pool]) -> Scores:
            self.bearable(pools)
            return Longest().score(matrix, pools)

        def bearable(self, pools: Sequence[Pool]) -> Sequence[Pool]:
            if any(pool.dialog.last == "Poison" for pool in pools):
                raise RuntimeError("poisoned")
            return pools

    made = blender(guard=Picky()) if part == "guard" else blender(ranker=Picky())
    texts = ["one", "two words", "the longest and rude one"]
    good, bad, last = made.choose_pools([Pool.of(said, texts) for said in ("Hi", "Poison", "Hey")])
    assert [(choice.text, choice.faults) for choice in (good, last)] == [("two words", ())] * 2
    assert good.blocked == last.blocked == ((), (), ("rude",))
    assert bad.winner == (None if part == "guard" else 0)
    assert [(fault.part, fault.reason) for fault in bad.faults] == [(part, "raised")]


@dataclass(frozen=True)
class Nonsense:
    """Proposes, measures, checks and scores whatever it was told to."""

    gives: Any
    needs: tuple[str, ...] = ()
    columns: tuple[Column, ...] = (WORDS,)
    fingerprint: str = "nonsense"

    def give(self) -> Any:
        if self.gives is SystemExit:
            raise SystemExit(3)
        return self.gives

    def propose(self, dialogs: Sequence[Dialog], k: int) -> Any:
        return self.give()

    def annotate(self, pools: Sequence[Pool]) -> Any:
        return self.give()

    def check(self, pools: Sequence[Pool], matrix: FeatureMatrix) -> Any:
        return self.give()

    def score(self, matrix: FeatureMatrix, pools: Sequence[Pool]) -> Any:
        return self.give()

    def reasons(self, matrix: FeatureMatrix, winner: int, other: int) -> list[tuple[str, float]]:
        return []


@pytest.mark.parametrize("gives", [None, [None], [(text for text in "ab")], [[], []], 3, SystemExit])
def test_a_source_that_gives_nonsense_costs_its_candidates(gives: object) -> None:
    choice = blender({"odd": Nonsense(gives), "parrot": Parrot(texts=("hello there",))}).reply("Hi")
    assert choice.text == "hello there"
    assert [(fault.name, fault.reason in ("shape", "raised")) for fault in choice.faults] == [("odd", True)]


def test_nonsense_for_one_dialog_costs_the_others_of_its_batch_nothing() -> None:
    class Half(Parrot):
        def propose(self, dialogs: Sequence[Dialog], k: int) -> Any:
            found = super().propose(dialogs, k)
            return [None if dialog.last == "Poison" else each for dialog, each in zip(dialogs, found, strict=True)]

    good, bad = blender({"half": Half(texts=("one",))}).reply_batch(["Hi", "Poison"])
    assert (good.text, good.faults) == ("one", ())
    assert [(fault.name, fault.reason) for fault in bad.faults] == [("half", "shape")]


@pytest.mark.parametrize("gives", [None, 3, SystemExit])
def test_an_annotator_that_gives_nonsense_costs_its_columns(gives: object) -> None:
    choice = blender(annotator=Nonsense(gives)).choose("Hi", ["a", "b c"])
    assert choice.text == "a"
    assert [fault.reason in ("shape", "raised") for fault in choice.faults] == [True]


@pytest.mark.parametrize("gives", [None, [], [None] * 3, [1, 2], 3])
def test_a_guard_that_gives_nonsense_has_failed(gives: object) -> None:
    choice = blender(guard=Nonsense(gives)).choose("Hi", ["a", "b c"])
    assert choice.winner is None
    assert [(fault.part, fault.reason) for fault in choice.faults] == [("guard", "raised")]


@pytest.mark.parametrize(
    "gives",
    [None, Scores.plain(np.zeros(3)), Scores.plain(np.zeros(0)), Scores.plain(np.full(2, np.nan)), 3, SystemExit],
)
def test_a_ranker_that_gives_nonsense_leaves_the_order_of_the_pool(gives: object) -> None:
    choice = blender(ranker=Nonsense(gives)).choose("Hi", ["a", "b c"])
    assert choice.text == "a"
    assert [fault.part for fault in choice.faults] == ["ranker"]


def test_a_candidate_that_could_not_be_scored_does_not_win() -> None:
    scores = Scores.plain(np.array([np.nan, 0.1, 0.2], dtype=np.float32))
    choice = blender(ranker=Nonsense(scores)).choose("Hi", ["a", "b", "c"])
    assert (choice.text, choice.order) == ("c", (2, 1, 0))


def test_what_nobody_could_judge_is_not_above_the_least_probability() -> None:
    choice = blender(min_sensible=0.2).choose("Hi", ["a"])
    assert choice.abstained == "the best candidate's P(sensible) is unknown"


def test_only_what_failed_is_asked_again() -> None:
    asked: list[tuple[str, int]] = []

    @dataclass(frozen=True)
    class Paid(Parrot):
        name: str = "paid"
        fails: bool = False

        def propose(self, dialogs: Sequence[Dialog], k: int) -> list[list[Candidate]]:
            asked.append((self.name, len(dialogs)))
            if self.fails and len(dialogs) > 1:
                raise RuntimeError("one of them")
            return super().propose(dialogs, k)

    sources = {"paid": Paid(texts=("one",)), "other": Paid(texts=("two words",), name="other", fails=True)}
    found = blender(sources).reply_batch(["Hi", "Hello", "Hey"])
    assert sorted(asked) == [("other", 1)] * 3 + [("other", 3), ("paid", 3)]
    assert [(choice.text, choice.faults) for choice in found] == [("two words", ())] * 3


def test_asking_again_notes_the_pace_in_the_same_unit() -> None:
    runner = Runner(part="annotator")
    pools = [Pool.of(Dialog.of(said), ["a", "b"]) for said in ("Hi", "Poison", "Hey")]

    def slow(given: Sequence[Pool]) -> Floats:
        if len(given) > 1:
            raise RuntimeError("one of them")
        time.sleep(0.02)
        return Words().annotate(given)

    annotate(pools, {"words": Words(instead=slow)}, runner=runner, work=600)
    assert 0.02 / 200 <= runner.pace.expected("words") < 10 * 0.02 / 200


def test_faults_of_an_annotator_are_those_of_the_pool_they_arose_in() -> None:
    def patchy(pools: Sequence[Pool]) -> Floats:
        return np.array(
            [[np.nan if pool.dialog.last == "Silent" else 1.0] for pool in pools for _ in pool.texts], dtype=np.float32
        )

    loud, silent = blender(annotator=Words(instead=patchy)).reply_batch(["Loud", "silent"])
    assert (loud.faults, [fault.reason for fault in silent.faults]) == ((), ["nan"])
    assert blender().reply_batch(["a", "b"])[0].faults == ()


class Speechless(Exception):
    def __str__(self) -> str:
        raise AttributeError("no message")


class Unseen(list[object]):
    def __repr__(self) -> str:
        raise AttributeError("no inside")


def _raise(error: Exception) -> Callable[[object], Any]:
    def instead(_: object) -> Any:
        raise error

    return instead


PARTS: dict[str, Callable[[Exception], Blender]] = {
    "source": lambda error: blender(sources={"bad": Broken(error=error), "parrot": Parrot(texts=("short", "rude"))}),
    "annotator": lambda error: blender(annotator=Words(instead=_raise(error))),
    "guard": lambda error: blender(guard=Broken(error=error)),
    "ranker": lambda error: blender(ranker=Broken(error=error)),
    "part of a source": lambda error: blender(
        sources={"bad": Nonsense([Incomplete([Candidate(text="short")], error)])}
    ),
}


@pytest.mark.parametrize("part", PARTS)
def test_an_error_that_cannot_be_read_costs_no_more_than_another(part: str) -> None:
    (fault,) = PARTS[part](Speechless()).reply("Hi").faults
    assert fault.detail.endswith("Speechless: its message cannot be read")


@pytest.mark.parametrize("part", PARTS)
def test_what_an_error_says_can_be_written_as_utf_8(part: str) -> None:
    choice = PARTS[part](ValueError("no file caf\udce9")).reply("Hi")
    assert choice.faults[0].detail.endswith("ValueError: no file caf?")
    assert json.dumps(choice.as_dict(), ensure_ascii=False).encode()


def test_nonsense_that_cannot_be_shown_costs_its_candidates() -> None:
    choice = blender(sources={"bad": Nonsense(Unseen()), "parrot": Parrot(texts=("short",))}).reply("Hi")
    assert (choice.text, [fault.reason for fault in choice.faults]) == ("short", ["shape"])


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_a_matrix_as_scipy_gives_it_is_an_array() -> None:
    counted = blender(annotator=Words(instead=lambda pools: np.matrix(Words().annotate(pools)))).reply("Hi")
    assert counted.as_dict()["pool"] == blender().reply("Hi").as_dict()["pool"]
