"""The engine over sources, annotators and guards made for the purpose; no model is loaded."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from blender.annotation import annotate
from blender.assembly import Parts
from blender.engine import Blender
from blender.errors import BadInput
from blender.faults import Runner
from blender.matrix import FeatureMatrix, Floats
from blender.proposing import SourceSlot
from blender.records import Candidate, Dialog, Pool
from blender.roles import Annotator, CandidateSource, Column, Guard, Scores
from blender.selection import Selection
from blender.settings import LAST_RESORT, Settings

WORDS = Column(
    name="words",
    unit="words",
    direction="neither",
    meaning="number of words",
    missing="never",
    says="longer",
    says_low="shorter",
)


@dataclass(frozen=True)
class Parrot:
    """Proposes what it was told to."""

    texts: tuple[str, ...]

    def propose(self, dialogs: Sequence[Dialog], k: int) -> list[list[Candidate]]:
        return [[Candidate(text=text, source="parrot", kind="retrieval") for text in self.texts[:k]] for _ in dialogs]


@dataclass(frozen=True)
class Words:
    """Counts words, or does what it is told to."""

    instead: Callable[[Sequence[Pool]], Floats] | None = None
    columns: tuple[Column, ...] = (WORDS,)
    fingerprint: str = "words"

    def annotate(self, pools: Sequence[Pool]) -> Floats:
        if self.instead:
            return self.instead(pools)
        return np.array([[len(text.split())] for pool in pools for text in pool.texts], dtype=np.float32)


@dataclass(frozen=True)
class Longest:
    needs: tuple[str, ...] = ("words",)

    def score(self, matrix: FeatureMatrix, pools: Sequence[Pool]) -> Scores:
        return Scores.plain(np.nan_to_num(matrix.column("words.words")))

    def reasons(self, matrix: FeatureMatrix, winner: int, other: int) -> list[tuple[str, float]]:
        values = matrix.column("words.words")
        return [("words.words", float(values[winner] - values[other]))]


@dataclass(frozen=True)
class NoRudeness:
    needs: tuple[str, ...] = ()

    def check(self, pools: Sequence[Pool], matrix: FeatureMatrix) -> list[str | None]:
        return ["rude" if "rude" in text else None for pool in pools for text in pool.texts]


@dataclass(frozen=True)
class Broken:
    needs: tuple[str, ...] = ()
    error: BaseException = field(default_factory=lambda: RuntimeError("it broke"))

    def propose(self, dialogs: Sequence[Dialog], k: int) -> list[list[Candidate]]:
        raise self.error

    def check(self, pools: Sequence[Pool], matrix: FeatureMatrix) -> list[str | None]:
        raise self.error

    def score(self, matrix: FeatureMatrix, pools: Sequence[Pool]) -> Scores:
        raise self.error

    def reasons(self, matrix: FeatureMatrix, winner: int, other: int) -> list[tuple[str, float]]:
        return []


def blender(
    sources: Mapping[str, CandidateSource] | None = None,
    annotator: Annotator | None = None,
    guard: Guard | None = None,
    ranker: object | None = None,
    **settings: object,
) -> Blender:
    sources = sources or {"parrot": Parrot(texts=("short", "a longer one", "the longest and rude one"))}
    return Blender(
        settings=Settings.of(settings),
        parts=Parts(
            sources={name: SourceSlot(source=source, k=8) for name, source in sources.items()},
            annotators={"words": annotator or Words()},
            guards={"rude": guard or NoRudeness()},
            ranker=ranker or Longest(),  # type: ignore[arg-type]
            columns={"words.words": WORDS},
        ),
    )


def test_the_best_that_is_not_blocked_wins_and_says_why() -> None:
    begun = time.perf_counter()
    choice = blender().reply("Hi")
    took = time.perf_counter() - begun
    assert choice.text == "a longer one"
    assert choice.source == "parrot"
    assert choice.blocked == ((), (), ("rude",))
    assert choice.order == (1, 0)
    assert [candidate.text for candidate in choice.top(5)] == ["a longer one", "short"]
    assert choice.why() == "It beat “short” (parrot): longer (words.words 3.00 against 1.00)."
    assert np.isnan(choice.sensible)
    assert set(choice.seconds) >= {"propose", "annotate", "guard", "rank"}
    assert all(0 <= seconds <= took for seconds in choice.seconds.values())


def test_a_batch_gives_what_each_dialog_gives_alone() -> None:
    made = blender()
    dialogs = [["Hi"], ["Hi", "Hello", "So?"], ["Tell me"]]
    together = made.reply_batch(dialogs)
    alone = [made.reply(dialog) for dialog in dialogs]
    assert [choice.text for choice in together] == [choice.text for choice in alone]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_array_equal(one.matrix.values, other.matrix.values)


def test_the_callers_own_candidates_keep_their_order_and_their_duplicates() -> None:
    choice = blender().choose(["Hi"], ["one", "one", Candidate(text="two words", features={"clicks": 3.0})])
    assert choice.pool.texts == ("one", "one", "two words")
    assert choice.winner == 2
    np.testing.assert_array_equal(choice.matrix.column("user.clicks"), [np.nan, np.nan, 3])


def test_ties_go_to_the_first() -> None:
    assert blender().choose("Hi", ["one", "two"]).winner == 0


@pytest.mark.parametrize(
    ("candidates", "reason", "note"),
    [
        ([], "no source proposed anything", "the pool is empty"),
        (["rude", "so rude"], "all 2 candidates were blocked", "all 2 candidates are blocked"),
    ],
)
def test_with_nothing_left_the_answer_of_last_resort_is_given(candidates: list[str], reason: str, note: str) -> None:
    choice = blender().choose("Hi", candidates)
    assert (choice.text, choice.source, choice.winner) == (LAST_RESORT["en"], "last_resort", None)
    assert choice.abstained == reason
    assert choice.notes == (note,)
    assert choice.why() == f"Answer of last resort: {reason}."
    assert choice.top(3) == ()


def test_the_answer_of_last_resort_speaks_the_dialogs_language() -> None:
    assert blender().choose(Dialog.of("Привет", locale="ru"), []).text == LAST_RESORT["ru"]
    spelt = blender(last_resort={"en": "Hm.", "pt_BR": "Hein?", "RU": "Э?"})
    for locale, text in (("pt_BR", "Hein?"), ("pt-BR", "Hein?"), ("ru-RU", "Э?"), ("fr", "Hm.")):
        assert spelt.choose(Dialog.of("...", locale=locale), []).text == text


def test_strings_are_read_in_the_language_of_the_settings() -> None:
    made = blender(locale="ru")
    found = (made.reply("Привет"), *made.reply_batch(["Привет"]), made.choose("Привет", ["Привет!"]))
    assert [choice.pool.dialog.locale for choice in found] == ["ru"] * 3
    assert made.reply(Dialog.of("Hi", locale="en")).pool.dialog.locale == "en"


def test_one_candidate_is_chosen_and_noted() -> None:
    choice = blender().choose("Hi", ["only"])
    assert (choice.text, choice.notes, choice.why()) == (
        "only",
        ("the pool holds one candidate",),
        "It was the only candidate.",
    )


def test_a_thousand_candidates() -> None:
    choice = blender().choose("Hi", ["word " * (at % 37 + 1) for at in range(1000)])
    assert choice.winner == 36


def test_a_low_probability_makes_it_abstain() -> None:
    @dataclass(frozen=True)
    class Unsure(Longest):
        def score(self, matrix: FeatureMatrix, pools: Sequence[Pool]) -> Scores:
            half = np.full(len(matrix), 0.5, dtype=np.float32)
            return Scores(value=half, sensible=half, specific=half)

    assert blender(ranker=Unsure()).choose("Hi", ["a"]).sensible == 0.5
    choice = blender(ranker=Unsure(), min_sensible=0.6).choose("Hi", ["a"])
    assert choice.abstained == "the best candidate's P(sensible) is 0.50, below 0.60"


def test_a_long_context_is_cut_at_its_oldest_end_and_the_result_says_so() -> None:
    choice = blender(max_characters=100).reply(["x" * 100_000, "and then?", "y" * 50])
    assert choice.pool.dialog.texts == ("x" * 41, "and then?", "y" * 50)
    assert choice.notes == ("the context of 100,059 characters was cut at its oldest end to 100",)


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


def test_bad_input_is_refused() -> None:
    for turns in ([], [""], ["a\x00"]):
        with pytest.raises(BadInput):
            blender().reply(turns)


def test_threads_and_coroutines_get_the_same_answers() -> None:
    made = blender()
    dialogs = [f"Hi {at}" for at in range(24)]

    async def together() -> list[str]:
        return [choice.text for choice in await asyncio.gather(*(made.areply(dialog) for dialog in dialogs))]

    with ThreadPoolExecutor(8) as threads:
        threaded = [choice.text for choice in threads.map(made.reply, dialogs)]
    assert threaded == asyncio.run(together()) == ["a longer one"] * 24


def test_a_coroutine_chooses_among_given_candidates_by_the_facts_it_was_given() -> None:
    choice = asyncio.run(blender().achoose("Hi", ["one", "two words"], facts=["I am a bot."]))
    assert (choice.text, choice.pool.dialog.facts) == ("two words", ("I am a bot.",))


def test_what_waits_for_a_thread_of_asyncios_uses_up_its_deadline() -> None:
    made = blender()

    async def both() -> tuple[Selection, Selection]:
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1) as only:
            loop.set_default_executor(only)
            busy = loop.run_in_executor(None, time.sleep, 0.2)
            calls = made.areply("Hi", deadline=0.1), made.achoose("Hi", ["one", "two words"], deadline=0.1)
            found = await asyncio.gather(*calls)
            await busy
            return found

    replied, chosen = asyncio.run(both())
    assert [(fault.name, fault.reason) for fault in replied.faults] == [("parrot", "late")]
    assert [(fault.name, fault.reason) for fault in chosen.faults] == [("words", "late")]


def test_the_runner_is_the_blenders_own() -> None:
    assert isinstance(blender()._annotating, Runner)
    assert blender()._annotating is not blender()._annotating


def test_a_batch_costs_one_call_of_each_annotator_guard_and_ranker() -> None:
    calls: list[str] = []

    class Counting(Longest):
        def score(self, matrix: FeatureMatrix, pools: Sequence[Pool]) -> Scores:
            calls.append("ranker")
            return super().score(matrix, pools)

    class CountingGuard(NoRudeness):
        def check(self, pools: Sequence[Pool], matrix: FeatureMatrix) -> list[str | None]:
            calls.append("guard")
            return super().check(pools, matrix)

    def annotate(pools: Sequence[Pool]) -> Floats:
        calls.append("annotator")
        return Words().annotate(pools)

    made = blender(annotator=Words(instead=annotate), guard=CountingGuard(), ranker=Counting())
    pools = [Pool.of(Dialog.of(f"Hi {n}"), ["one"] * n) for n in range(20)]
    assert len(made.choose_pools(pools)) == 20
    assert sorted(calls) == ["annotator", "guard", "ranker"]


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
    "gives", [None, Scores.plain(np.zeros(3)), Scores.plain(np.zeros(0)), Scores.plain(np.full(2, np.nan)), 3]
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


def test_one_text_is_no_batch() -> None:
    with pytest.raises(BadInput, match="dialogs must be a list"):
        blender().reply_batch("Hello")
