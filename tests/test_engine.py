"""The engine over parts made for the purpose."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blender.errors import BadInput
from blender.faults import Runner
from blender.fusion import Average
from blender.matrix import FeatureMatrix, Floats
from blender.records import Candidate, Dialog, Pool
from blender.roles import Scores
from blender.selection import Selection
from blender.settings import LAST_RESORT
from tests.toy_parts import Longest, NoRudeness, Words, blender

_RANKING = blender(ranker=Average(columns=("user.clicks",)))


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


_TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8) | st.just("rude you")
_GIVEN = st.lists(
    st.builds(Candidate, text=_TEXTS, features=st.dictionaries(st.just("clicks"), st.floats())), max_size=6
)


@settings(max_examples=20, deadline=None)
@given(st.lists(_GIVEN, max_size=4), st.randoms(use_true_random=False))
def test_no_blocked_candidate_is_answered_and_neither_order_nor_company_matters(
    many: list[list[Candidate]], random: Random
) -> None:
    pools = [Pool.of("Hi", candidates) for candidates in many]
    for pool, choice in zip(pools, _RANKING.choose_pools(pools), strict=True):
        allowed = [each for each in pool.candidates if "rude" not in each.text]
        assert (choice.winner is None) == (not allowed)
        assert choice.winner is None or choice.top(1) == (pool.candidates[choice.winner],)
        assert choice.top(9) == () or all("rude" not in each.text for each in choice.top(9))
        assert json.dumps(choice.as_dict(), allow_nan=False, ensure_ascii=False).encode()
        shuffled = random.sample(range(len(pool)), len(pool))
        (other,) = _RANKING.choose_pools([Pool.of("Hi", [pool.candidates[at] for at in shuffled])])
        np.testing.assert_allclose(other.scores.value, choice.scores.value[shuffled], atol=1e-5)


def test_ties_go_to_the_first() -> None:
    assert blender().choose("Hi", ["one", "two"]).winner == 0


@pytest.mark.filterwarnings("error")
def test_a_feature_too_large_for_the_matrix_is_unknown() -> None:
    choice = blender().choose("Hi", [Candidate(text="one", features={"clicks": 1e300})])
    assert np.isnan(choice.matrix.column("user.clicks")).all()


@pytest.mark.parametrize("pools", [None, Pool.of("Hi", ["Hello."])])
def test_pools_are_a_list(pools: object) -> None:
    with pytest.raises(BadInput, match="pools must be a list"):
        blender().choose_pools(pools)  # type: ignore[arg-type]


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
    assert choice.answer.kind == "canned"
    assert choice.abstained == reason
    assert choice.notes == (note,)
    assert choice.why() == f"Answer of last resort: {reason}."
    assert choice.top(3) == ()


def test_the_answer_of_last_resort_speaks_the_dialogs_language() -> None:
    assert blender().choose(Dialog.of("Привет", locale="ru"), []).text == LAST_RESORT["ru"]
    spelt = blender(last_resort={"en": "Hm.", "pt_BR": "Hein?", "RU": "Э?"})
    for locale, text in (("pt_BR", "Hein?"), ("pt-BR", "Hein?"), ("ru-RU", "Э?"), ("fr", "Hm.")):
        assert spelt.choose(Dialog.of("...", locale=locale), []).text == text
    assert blender(last_resort={"pt": "Hein?"}).choose("...", []).text == "Hein?", "better than none"


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

    assert blender(ranker=Unsure(), min_sensible=0.5).choose("Hi", ["a"]).sensible == 0.5
    choice = blender(ranker=Unsure(), min_sensible=0.6).choose("Hi", ["a"])
    assert choice.abstained == "the best candidate's P(sensible) is 0.50, below 0.60"


def test_a_long_context_is_cut_at_its_oldest_end_and_the_result_says_so() -> None:
    choice = blender(max_characters=100).reply(["x" * 100_000, "and then?", "y" * 50])
    assert choice.pool.dialog.texts == ("x" * 41, "and then?", "y" * 50)
    assert choice.notes == ("the context of 100,059 characters was cut at its oldest end to 100",)


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


def test_one_text_is_no_batch() -> None:
    with pytest.raises(BadInput, match="dialogs must be a list"):
        blender().reply_batch("Hello")
