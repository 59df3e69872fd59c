from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blender.engine import Blender
from blender.errors import BadInput, UnknownName
from blender.guards import GUARDS
from blender.matrix import FeatureMatrix
from blender.records import Candidate, Dialog, Pool
from blender.roles import Guard
from blender.settings import Settings

TURNS = ("Hello!", "I like to hike in the Alps.", "Which trail would you recommend?")


def matrix(rows: int, toxic: list[float] | None = None) -> FeatureMatrix:
    columns = () if toxic is None else ("toxicity.toxic",)
    values = np.empty((rows, 0)) if toxic is None else np.array(toxic)[:, None]
    return FeatureMatrix(values=values.astype(np.float32), columns=columns, group_sizes=(rows,))


def check(name: str, *answers: str | Candidate, turns: tuple[str, ...] = TURNS, **settings: Any) -> list[str | None]:
    guard = GUARDS.build(name, settings)
    found: list[str | None] = guard.check([Pool.of(turns, answers)], matrix(len(answers)))
    return found


@pytest.mark.parametrize("name", list(GUARDS))
def test_every_guard_keeps_the_contract(name: str) -> None:
    guard = GUARDS.build(name)
    assert isinstance(guard, Guard)
    assert guard.check([], matrix(0)) == []
    assert guard.check([Pool.of("Hi", [])], matrix(0)) == []
    stuffed = "It has hike, alps, trail, recommend."
    pools = [Pool.of(TURNS, ["", TURNS[1], TURNS[2], stuffed]), Pool.of("Hi", ["😀 " * 900])]
    found = guard.check(pools, FeatureMatrix(values=matrix(5).values, columns=(), group_sizes=(4, 1)))
    assert len(found) == 5
    assert any(found) == (name not in ("block_list", "crisis"))
    assert all(reason is None or (reason.startswith(f"{name}: ") and len(reason) < 80) for reason in found)
    with pytest.raises(UnknownName, match="setting of guard"):
        GUARDS.build(name, {"no_such_setting": 1})


def test_empty() -> None:
    found = check("empty", "", " \n", "...", "\u200b", "😀", "42", "да")
    assert [reason is None for reason in found] == [False, False, False, False, True, True, True]
    assert found[0] == "empty: no text"


def test_too_long() -> None:
    assert check("too_long", "a b c", "a b", words=2) == ["too_long: 3 words > 2", None]
    assert check("too_long", "我" * 30, "我" * 20, characters=20) == ["too_long: 30 characters > 20", None]
    assert check("too_long", "a", "a b", words=1) == [None, "too_long: 2 words > 1"]


@pytest.mark.parametrize(
    ("phrase", "text", "blocked"),
    [
        ("darn", "Oh DARN, no.", True),
        ("darn", "I darned my socks.", False),
        ("darn", "ｄａｒｎ it", True),
        ("darn", "da\u00adrn it", True),
        ("shut up", "Shut... up!", True),
        ("shut up", "Shut the door, stand up.", False),
        ("don't", "I don’t.", True),
        ("дурак", "Ты Дурак?", True),
        ("🖕", "Take this🖕!", True),
    ],
)
def test_block_list(phrase: str, text: str, blocked: bool) -> None:
    assert check("block_list", text, phrases=[phrase]) == [f"block_list: {phrase!r}" if blocked else None]


def test_block_list_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    file.write_text("\ufeff# an editor's list\n\ndarn\nshut up\n", encoding="utf-8")
    assert check("block_list", "darn", "shut up", "heck", "an editor's list", file=str(file), phrases=["heck"]) == [
        "block_list: 'darn'",
        "block_list: 'shut up'",
        "block_list: 'heck'",
        None,
    ]


def test_block_list_that_cannot_be_read_is_known_at_once(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"none\.txt cannot be read"):
        GUARDS.build("block_list", {"file": str(tmp_path / "none.txt")})
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    with pytest.raises(BadInput, match="cannot be read as UTF-8"):
        GUARDS.build("block_list", {"file": str(tmp_path / "latin.txt")})
    for blank in (" ", "\u200b"):
        with pytest.raises(BadInput, match="blank phrase"):
            GUARDS.build("block_list", {"phrases": [blank]})


def toxicity(candidate: Candidate, value: float, *, locale: str = "en", **settings: Any) -> str | None:
    pool = Pool(dialog=Dialog.of("Hi", locale=locale), candidates=(candidate,))
    found: list[str | None] = GUARDS.build("toxicity", settings).check([pool], matrix(1, [value]))
    return found[0]


GENERATED = Candidate(text="x", kind="generator")
STORED = Candidate(text="x", kind="retrieval", stored={"f00d:toxicity.toxic": 0.1, "bad:toxicity.toxic": 0.95})
NAN = float("nan")


def test_toxicity_limit_by_language() -> None:
    assert toxicity(GENERATED, 0.97) == "toxicity: 0.97 > 0.80"
    assert toxicity(GENERATED, 0.79) is None
    assert toxicity(GENERATED, 0.85, locale="ru") is None
    assert toxicity(GENERATED, 0.95, locale="ru") == "toxicity: 0.95 > 0.90"
    assert toxicity(GENERATED, 0.5, limit=0.4) == "toxicity: 0.50 > 0.40"


@pytest.mark.parametrize("kind", ["generator", "retrieval", "unknown", "human"])
def test_unknown_toxicity_blocks(kind: Any) -> None:
    assert toxicity(Candidate(text="x", kind=kind), NAN, fingerprint="f00d") == "toxicity: unknown"


def test_stored_score_counts_only_under_the_fingerprint_in_use() -> None:
    assert toxicity(STORED, NAN, fingerprint="f00d") is None
    assert toxicity(STORED, NAN, fingerprint="bad") == "toxicity: 0.95 > 0.80"
    assert toxicity(STORED, NAN, fingerprint="other") == "toxicity: unknown"
    assert toxicity(STORED, NAN) == "toxicity: unknown"
    assert toxicity(STORED, 0.99, fingerprint="f00d") == "toxicity: 0.99 > 0.80", "what was measured goes first"


def test_canned_answers_always_pass() -> None:
    assert toxicity(Candidate(text="x", kind="canned"), NAN) is None
    assert toxicity(Candidate(text="x", kind="canned"), 0.99) is None


def test_toxicity_without_its_column_blocks() -> None:
    assert check("toxicity", "x", Candidate(text="y", kind="canned")) == ["toxicity: unknown", None]


@pytest.mark.parametrize(
    ("name", "setting", "wrong", "accepted"),
    [
        ("too_long", "words", 0, "at least 1"),
        ("too_long", "characters", 0, "at least 1"),
        ("toxicity", "limit", 80, "a probability from 0 to 1"),
        ("toxicity", "limit_other", -0.1, "a probability from 0 to 1"),
        ("echo", "limit", 1.5, "from 0 to 1"),
        ("echo", "held", 2, "a share from 0 to 1"),
        ("repetition", "limit", 1.5, "from 0 to 1"),
        ("stuffing", "run", 0, "at least 1"),
        ("stuffing", "letters", 0, "at least 1"),
    ],
)
def test_a_setting_out_of_range_is_named(name: str, setting: str, wrong: float, accepted: str) -> None:
    with pytest.raises(BadInput, match=rf"{name}.* {setting} .*{accepted}, got {wrong}"):
        GUARDS.build(name, {setting: wrong})


def test_echo() -> None:
    found = check("echo", "Which trail would YOU recommend", "I would recommend the lake trail.")
    assert found == ["echo: 1.00 > 0.90", None]
    assert check("echo", "Hi!", turns=("Hi",)) == [None], "a greeting may be given back"
    assert check("echo", "Hi!", turns=("Hi",), shortest=1) == ["echo: 1.00 > 0.90"]


def test_repetition() -> None:
    found = check("repetition", "I like to hike in the alps", "The lake trail.", "Which trail would you recommend?")
    assert found == ["repetition: 1.00 > 0.90", None, None]
    assert check("repetition", "Yes.", turns=("Ok?", "Yes.", "Sure?")) == [None]
    assert check("repetition", "I said so before", turns=("Ok?",)) == [None], "the bot has not spoken"
    twice = ("Hello, I am a bot.", "Hi!", "It is nice to meet you.", "Who are you?")
    assert check("repetition", "Hello, I am a bot!", turns=twice) == ["repetition: 1.00 > 0.90"], (
        "not its last turn alone"
    )


@pytest.mark.parametrize(
    ("text", "blocked"),
    [
        ("Well, which trail would you recommend? So you say, right?", True),
        ("Which trail would you recommend? I would take the one by the lake.", True),
        ("I would recommend the trail by the lake.", False),
        ("Which trail do you like?", False),
    ],
)
def test_an_answer_that_holds_the_turn_is_an_echo(text: str, blocked: bool) -> None:
    (reason,) = check("echo", text)
    assert (reason is not None) == blocked
    assert reason is None or "echo: holds" in reason or "echo: 0." in reason


def test_a_short_turn_may_be_said_back() -> None:
    assert check("echo", "Fine, and how are you?", turns=("How are you?",)) == [None]
    assert check("echo", "Fine, and how are you?", turns=("How are you?",), longest_held=2)[0] is not None


@pytest.mark.parametrize(
    ("text", "blocked"),
    [
        ("I like it. trail recommend hike like", True),
        ("Hello, trail, recommend, hike.", True),
        ("I would recommend a trail that I like to hike.", False),
        ("Trail one is what I would recommend, Alps or not.", False),
        ("mountain forest river valley", False),  # none of it stands in the conversation
        ("", False),
    ],
)
def test_words_of_the_conversation_without_a_sentence_are_stuffing(text: str, blocked: bool) -> None:
    (reason,) = check("stuffing", text)
    assert (reason is not None) == blocked
    assert reason in (None, "stuffing: 4 words of the conversation in a row")


def test_the_run_of_stuffing_is_a_setting() -> None:
    assert check("stuffing", "trail recommend hike", run=3) == ["stuffing: 3 words of the conversation in a row"]


@pytest.mark.parametrize(
    ("said", "crisis"),
    [
        ("I want to kill myself", True),
        ("i wanna die", True),
        ("wish i was dead", True),
        ("I dont want to live anymore", True),
        ("I keep thinking about suicide", True),
        ("i feel suicidal", True),
        ("I just want it all to end", True),
        ("everyone would be better off without me", True),
        ("i want to cut myself again", True),
        ("I cut myself shaving", False),
        ("i hurt myself playing football", False),
        ("I want to die of embarrassment", False),
        ("My friend died by suicide", False),
        ("I want to diet", False),
        ("am I going to die?", False),
        ("I want  to\ndie.", True),
        ("I do n't want to live .", True),
        ("I have suicidal thoughts every day", True),
        ("I've been cutting myself again", True),
        ("I don't see a reason to live", True),
        ("i wanna kms", True),
        ("I took a whole bottle of pills an hour ago", True),
        ("I don't want to be here anymore", True),
        ("I don't want to wake up early tomorrow", False),
        ("I don't want to live with my parents anymore", False),
        ("I want to cut myself a slice of that cake", False),
        ("I'm thinking of taking my life savings out of the bank", False),
        ("There's no reason to go on with this project", False),
    ],
)
def test_who_speaks_of_suicide_is_answered_with_help_or_not_at_all(said: str, crisis: bool) -> None:
    found = check(
        "crisis", "A worthwhile plan. Have you tried before?", "Please call a crisis line now.", turns=(said,)
    )
    assert found == ["crisis: names no help" if crisis else None, None]


@pytest.mark.parametrize(
    ("answer", "helps"),
    [
        ("My Porsche 911 is faster.", False),
        ("I watch Doctor Who.", False),
        ("I have 1120 followers.", False),
        ("Please call 988 now.", True),
        ("Call 112 or 999.", True),
        ("Talk to your doctor today.", True),
        ("A COUNSELLOR can help.", True),
    ],
)
def test_help_is_named_in_whole_words(answer: str, helps: bool) -> None:
    assert check("crisis", answer, turns=("I want to die",)) == [None if helps else "crisis: names no help"]


def test_a_crisis_is_not_over_with_the_next_turn() -> None:
    turns = ("I want to die", "Please call a crisis line.", "yes i mean it", "Who is near you?", "nobody")
    assert check("crisis", "Nice!", turns=turns[:3]) == ["crisis: names no help"]
    assert check("crisis", "Nice!", turns=turns) == [None]


@pytest.mark.parametrize("given", [{"turns": 0}, {"help": ()}, {"help": ("",)}])
def test_wrong_settings_of_crisis_are_refused(given: dict[str, object]) -> None:
    with pytest.raises(BadInput, match="crisis'"):
        GUARDS.build("crisis", given)


def test_guards_read_texts_as_written() -> None:
    guards = {"crisis": {}, "repetition": {}, "block_list": {"phrases": ["don't care"]}}
    strict = Blender.of(Settings.of({"ranker": {"use": "longest"}, "guards": guards}))
    said = ["Hi there.", "I'm sorry, I don't know what you're doing.", "i do n't want to live ."]
    found = strict.choose(said, ["i ' m sorry , i do n't know what you ' re doing .", "i do n't care , call 988"])
    assert found.blocked == (
        ("crisis: names no help", "repetition: 1.00 > 0.90"),
        ('block_list: "don\'t care"',),
    )
