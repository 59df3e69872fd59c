"""Deadlines: what is late costs its columns or candidates, and does not go on behind the caller's back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from fractions import Fraction
from threading import Event, Thread, Timer

import numpy as np
import pytest

from blender.annotation import annotate
from blender.assembly import Parts
from blender.deadline import Late, awaited, check, left, unhurried, within
from blender.engine import Blender
from blender.errors import BadInput
from blender.faults import Runner
from blender.matrix import FeatureMatrix, Floats
from blender.pace import Pace
from blender.proposing import SourceSlot
from blender.records import Candidate, Dialog, Pool
from blender.roles import CandidateSource, Column, Scores
from blender.settings import Settings

WORDS = Column(
    name="words", unit="words", direction="neither", meaning="words", missing="never", says="longer", says_low="shorter"
)


@dataclass
class Laborious:
    """Works in steps of 10 ms and asks after each whether it is still wanted; a stubborn one does not ask."""

    steps: int
    stubborn: bool = False
    begun: int = 0
    done: int = 0
    ended: Event = field(default_factory=Event)
    columns: tuple[Column, ...] = (WORDS,)
    fingerprint: str = "laborious"

    def work(self) -> None:
        self.begun += 1
        try:
            for _ in range(self.steps):
                time.sleep(0.01)
                self.done += 1
                if not self.stubborn:
                    check()
        finally:
            self.ended.set()

    def annotate(self, pools: Sequence[Pool]) -> Floats:
        self.work()
        return np.array([[len(text.split())] for pool in pools for text in pool.texts], dtype=np.float32)

    def propose(self, dialogs: Sequence[Dialog], k: int) -> list[list[Candidate]]:
        self.work()
        return [[Candidate(text="from the slow one", kind="generator")] for _ in dialogs]


@dataclass(frozen=True)
class Parrot:
    def propose(self, dialogs: Sequence[Dialog], k: int) -> list[list[Candidate]]:
        return [[Candidate(text=text, kind="retrieval") for text in ("one", "two words")] for _ in dialogs]


@dataclass(frozen=True)
class Longest:
    needs: tuple[str, ...] = ()

    def score(self, matrix: FeatureMatrix, pools: Sequence[Pool]) -> Scores:
        return Scores.plain(np.nan_to_num(matrix.column("quick.words")))

    def reasons(self, matrix: FeatureMatrix, winner: int, other: int) -> list[tuple[str, float]]:
        return []


def blender(annotator: Laborious | None = None, source: Laborious | None = None) -> Blender:
    sources: dict[str, CandidateSource] = {"parrot": Parrot()}
    if source:
        sources["slow"] = source
    return Blender(
        settings=Settings.of({}),
        parts=Parts(
            sources={name: SourceSlot(source=each, k=4) for name, each in sources.items()},
            annotators={"quick": Laborious(0), **({"slow": annotator} if annotator else {})},
            guards={},
            ranker=Longest(),
            columns={},
        ),
    )


def test_a_deadline_inside_another_does_not_move_it() -> None:
    assert left() is None
    with within(None):
        assert left() is None
    with within(0.5), within(60):
        assert (left() or 9) <= 0.5
    with within(1e-9), pytest.raises(Late):
        time.sleep(0.001)
        check()
    check()


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), 10**400, True, "0.5"])
def test_what_is_no_deadline_is_refused(seconds: object) -> None:
    with pytest.raises(BadInput, match="deadline is the number of seconds"):
        blender().reply("Hi!", deadline=seconds)  # type: ignore[arg-type]


@pytest.mark.parametrize("seconds", [np.float32(5), np.int64(5), Fraction(5)])
def test_a_deadline_is_any_kind_of_number(seconds: float) -> None:
    with within(seconds):
        rest = left()
        assert type(rest) is float
        assert 4 < rest < 5


def test_a_thread_started_with_the_context_knows_the_deadline() -> None:
    seen: list[float | None] = []
    with within(60):
        thread = Thread(target=copy_context().run, args=(lambda: seen.append(left()),))
        thread.start()
        thread.join()
    assert seen[0] is not None


def test_a_late_annotator_costs_its_columns_and_stops() -> None:
    slow = Laborious(steps=500)
    begun = time.perf_counter()
    chosen = blender(annotator=slow).reply("Hi!", deadline=0.2)
    assert time.perf_counter() - begun < 2
    assert chosen.text == "two words"
    assert np.isnan(chosen.matrix.column("slow.words")).all()
    assert np.isfinite(chosen.matrix.column("quick.words")).all()
    assert [(fault.name, fault.reason) for fault in chosen.faults] == [("slow", "late")]
    assert slow.ended.wait(2)
    assert slow.done < 100, "it went on working behind the caller's back"


def test_what_is_known_to_be_late_is_not_begun_but_tried_again_some_time() -> None:
    slow = Laborious(steps=500)
    made = blender(annotator=slow)
    made.reply("Hi!", deadline=0.3)
    chosen = made.reply("Hi!", deadline=0.3)
    assert (slow.begun, chosen.text) == (1, "two words")
    assert "not begun: it takes about" in chosen.faults[0].detail
    later = time.monotonic() + 600
    made._annotating.pace.clock = lambda: later
    made.reply("Hi!", deadline=0.3)
    assert slow.begun == 2


def test_without_a_deadline_everything_is_begun() -> None:
    slow = Laborious(steps=3)
    made = blender(annotator=slow)
    made._annotating.pace.gave_up("slow", 1000.0)
    assert np.isfinite(made.reply("Hi!").matrix.column("slow.words")).all()


def test_a_late_source_costs_its_candidates_and_leaves_time_to_judge_the_others() -> None:
    stubborn = Laborious(steps=60, stubborn=True)
    chosen = blender(source=stubborn).reply("Hi!", deadline=0.2)
    assert (chosen.text, chosen.abstained) == ("two words", None)
    assert [(fault.part, fault.reason) for fault in chosen.faults] == [("source", "late")]
    assert np.isfinite(chosen.matrix.column("quick.words")).all()


def test_what_is_not_wanted_any_more_stops_and_says_nothing_of_how_long_it_takes() -> None:
    slow = Laborious(steps=500)
    answering = blender(annotator=slow)
    with awaited() as gone:
        leaving = Timer(0.2, gone.set)
        leaving.start()
        chosen = answering.reply("Hi!")
        assert left() == 0
        with unhurried():  # a model that the next caller needs too is loaded to the end
            check()
    assert (chosen.text, slow.done < 100) == ("two words", True)
    assert "nobody waits" in chosen.faults[0].detail
    assert answering._annotating.pace.expected("slow") == 0


@pytest.mark.parametrize("way", ["areply", "achoose"])
def test_a_cancelled_task_ends_its_work(way: str) -> None:
    slow = Laborious(steps=500)
    answering = blender(annotator=slow)
    with pytest.raises(TimeoutError):
        given = answering.areply("Hi!") if way == "areply" else answering.achoose("Hi!", ["a", "b"])
        asyncio.run(asyncio.wait_for(given, 0.2))
    assert slow.ended.wait(1)
    assert slow.done < 100


def test_choosing_among_given_candidates_has_deadlines_too() -> None:
    chosen = blender(annotator=Laborious(steps=500)).choose("Hi!", ["a", "b c"], deadline=0.2)
    assert (chosen.text, chosen.faults[0].reason) == ("b c", "late")


def test_reading_many_candidates_as_written_ends_in_time_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def slowly(text: str) -> str:
        time.sleep(0.01)
        return text.upper()

    monkeypatch.setattr("blender.written.as_written", slowly)
    many = [f"number {number}" for number in range(200)]
    begun = time.perf_counter()
    chosen = blender().choose("Hi!", many, deadline=0.2)
    assert time.perf_counter() - begun < 1
    assert [(fault.name, fault.reason) for fault in chosen.faults] == [("quick", "late")]
    assert chosen.matrix.column("quick.words").shape == (200,)
    assert not blender().choose("Hi!", many[:5], deadline=5).faults


def test_a_pace_follows_what_it_sees_and_counts_work() -> None:
    now = 0.0
    pace = Pace(clock=lambda: now)
    assert pace.expected("new", 10) == 0
    pace.took("known", 1.0, work=10)
    assert pace.expected("known", 20) == pytest.approx(2.0)
    for _ in range(50):
        pace.took("known", 2.0, work=10)
    assert pace.expected("known", 10) == pytest.approx(2.0, rel=1e-3)


def test_a_late_call_raises_a_doubt_that_soon_fades_and_goes_with_the_next_that_is_done() -> None:
    now = 0.0
    pace = Pace(clock=lambda: now)
    pace.took("known", 1.0, work=10)
    pace.gave_up("known", 3.0, work=10)
    assert pace.expected("known", 10) == pace.usual("known", 10) == pytest.approx(3.3)
    now = 2.0
    assert pace.expected("known", 10) == pytest.approx(1.65)
    pace.took("known", 1.0, work=10)
    assert pace.expected("known", 10) == pytest.approx(1.0)


def test_an_average_fades_only_while_it_keeps_a_part_from_being_begun() -> None:
    now = 0.0
    pace = Pace(clock=lambda: now)
    pace.took("slow", 4.0)
    now = 100.0
    assert pace.expected("slow") == pytest.approx(4.0)  # nobody asked: that says nothing about it
    pace.refused("slow")
    now = 110.0
    pace.refused("slow")
    assert pace.expected("slow") == pytest.approx(2.0)
    assert pace.usual("slow") == pytest.approx(4.0)
    pace.took("slow", 1.0)  # it had grown wrong
    assert pace.expected("slow") == pytest.approx(0.7 * 2 + 0.3 * 1)
    pace.refused("slow")
    now = 120.0
    pace.gave_up("slow", 0.1)  # begun, so refused no more
    assert pace.expected("slow") == pytest.approx(1.7)


def test_no_average_fades_for_what_was_asked_when_no_time_was_left() -> None:
    now = 0.0
    runner = Runner(part="annotator", pace=Pace(clock=lambda: now))
    runner.pace.took("slow", 1.0)
    for timeout, expected in ((0.0, 1.0), (0.5, 0.5)):
        runner.not_begun("slow", timeout, 1.0)
        now += 10
        assert runner.pace.expected("slow") == pytest.approx(expected)


def test_what_was_never_done_is_not_tried_again_at_once() -> None:
    now = 0.0
    pace = Pace(clock=lambda: now)
    pace.gave_up("hangs", 1.0)
    now = 10.0
    assert pace.expected("hangs") == pytest.approx(0.55)


def test_what_takes_a_second_takes_a_second_after_a_quiet_minute() -> None:
    now = 0.0
    pace = Pace(clock=lambda: now)
    for _ in range(10):
        now += 60
        pace.took("slow", 1.0)
        assert pace.expected("slow") == pace.usual("slow") == pytest.approx(1.0)


def test_a_call_that_stops_itself_at_the_deadline_is_late_and_none_of_its_own_faults() -> None:
    def stopped() -> None:
        raise Late("over")

    runner = Runner(part="annotator")
    assert runner.run({"model": stopped}, timeout=5).faults[0].reason == "late"
    assert runner.pace.expected("model") > 4, "it takes longer than it had, less what has faded since"


def test_the_quickest_is_begun_however_long_it_took_before_so_that_something_may_come() -> None:
    runner = Runner(part="source")
    for name, seconds in (("slow", 9.0), ("quick", 1.0)):
        runner.pace.gave_up(name, seconds)
    came = runner.run({"slow": lambda: 1, "quick": lambda: 2}, timeout=0.5, hurry=True)
    assert (came.results, [fault.name for fault in came.faults]) == ({"quick": 2}, ["slow"])
    assert runner.pace.expected("quick") < 2.0


def test_the_quickest_is_the_one_that_was_quick_when_it_was_done() -> None:
    runner = Runner(part="source")
    for name, seconds in (("slow", 2.0), ("quick", 0.1)):
        runner.pace.took(name, seconds)
    for _ in range(50):
        runner.pace.gave_up("quick", 0.2)  # a bad minute of the machine
    assert runner.pace.expected("quick") > runner.pace.expected("slow")
    came = runner.run({"slow": lambda: 1, "quick": lambda: 2}, timeout=0.2, hurry=True)
    assert came.results == {"quick": 2}


def test_what_other_callers_run_already_takes_longer() -> None:
    runner, release = Runner(part="annotator"), Event()
    runner.run({"quick": lambda: 1}, timeout=5)
    for _ in range(3):
        runner.pace.took("slow", 0.3)
    first = Thread(target=runner.run, args=({"slow": release.wait}, 5))
    first.start()
    while not runner._running["slow"]:
        time.sleep(0.001)
    calls = {"quick": lambda: 1, "slow": lambda: 2}
    assert runner.run(calls, timeout=0.5, hurry=True).results == {"quick": 1}
    release.set()
    first.join()
    assert runner.run(calls, timeout=5, hurry=True).results == {"quick": 1, "slow": 2}


def test_parts_are_timed_on_what_their_models_do_not_remember_and_sources_by_what_they_expect() -> None:
    class Expecting(Laborious):
        def expected_seconds(self) -> float:
            return 7.0

    seen: list[str] = []

    class Noting(Laborious):
        def annotate(self, pools: Sequence[Pool]) -> Floats:
            seen.extend(text for pool in pools for text in (*pool.dialog.texts, *pool.texts))
            return super().annotate(pools)

    source = Expecting(0)
    made = blender(Noting(0), source)
    made.parts.warm("en")
    made._learn_pace()
    assert len(seen) == len(set(seen)) == 2 * 9
    assert made._proposing.pace.expected("slow") == pytest.approx(7.0, rel=1e-3)
    assert source.begun == 0


def test_what_guards_need_is_begun_first_and_in_any_case() -> None:
    begun: list[str] = []

    @dataclass(frozen=True)
    class Noting:
        name: str
        columns: tuple[Column, ...] = (WORDS,)
        fingerprint: str = "noting"

        def annotate(self, pools: Sequence[Pool]) -> Floats:
            begun.append(self.name)
            return np.ones((sum(map(len, pools)), 1), dtype=np.float32)

    runner = Runner(part="annotator")
    pools = [Pool.of(Dialog.of("Hi!"), ["a", "b"])]
    annotators = {name: Noting(name) for name in ("a", "b", "needed")}
    annotate(pools, annotators, runner=runner, timeout=5, first={"needed"})  # from now on known to be quick
    begun.clear()
    annotate(pools, annotators, runner=runner, timeout=5, first={"needed"})
    assert begun == ["needed", "a", "b"]
    begun.clear()
    runner.pace.gave_up("needed", 1.0)
    runner.pace.took("b", 9.0)
    found = annotate(pools, annotators, runner=runner, timeout=0.5, hurry=True, first={"needed"})
    assert sorted(begun) == ["a", "needed"]
    assert [fault.name for fault in found.faults[0]] == ["b"]
    assert found.matrix.columns == ("a.words", "b.words", "needed.words")


def test_sources_are_asked_however_slow_choosing_once_was() -> None:
    made = blender()
    made._pace.took("choosing", 10.0)
    chosen = made.reply("Hi!", deadline=2.0)
    assert (chosen.text, chosen.faults) == ("two words", ())
    assert made._pace.expected("choosing") < 10


class Failing(Laborious):
    def annotate(self, pools: Sequence[Pool]) -> Floats:
        raise RuntimeError("no model")


@dataclass
class Strict:
    """Blocks what its annotator did not measure, or, needing none, everything."""

    needs: tuple[str, ...] = ()

    def check(self, pools: Sequence[Pool], matrix: FeatureMatrix) -> list[str | None]:
        values = matrix.column(f"{self.needs[0]}.words") if self.needs else np.full(len(matrix), np.nan)
        return [("unknown" if self.needs else "rude") if np.isnan(value) else None for value in values]


def test_under_a_deadline_no_guard_takes_time_where_all_is_blocked_for_what_was_not_measured() -> None:
    def blocked(annotator: Laborious, deadline: float | None) -> tuple[tuple[str, ...], ...]:
        made = blender(annotator=annotator)
        guarded = replace(made, parts=replace(made.parts, guards={"rude": Strict(), "known": Strict(needs=("slow",))}))
        assert guarded.choose("Hi!", [], deadline=deadline).blocked == ()
        return guarded.choose("Hi!", ["one"], deadline=deadline).blocked

    assert blocked(Failing(0), 30) == (("unknown",),)
    assert blocked(Failing(0), None) == (("rude", "unknown"),), "in the order of the guards"
    assert blocked(Laborious(0), 30) == (("rude",),)
