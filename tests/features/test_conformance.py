"""What every annotator of the catalogue promises; a new entry is tested unasked."""

from __future__ import annotations

import copy
import dataclasses
import re
from typing import Any

import numpy as np
import pytest

from blender.deadline import Late, awaited
from blender.errors import BlendError, UnknownName
from blender.features import ANNOTATORS
from blender.matrix import Floats
from blender.records import Candidate, Dialog, Pool, Turn
from blender.roles import Annotator, matrix_columns

MODEL_FREE = {"length", "origin", "source", "rarity", "overlap"}
TOLERANCE = 1e-4  # of neural annotators: matrix products of other sizes round otherwise
BFLOAT16 = 5e-3  # of those that read vectors, which are bfloat16's where the processor multiplies in it
GIVEN: dict[str, dict[str, Any]] = {
    "source": {"names": ["lm", "base"]},
    **{name: {"dtype": "float32"} for name in ("perplexity", "states", "coherence", "consistency")},
}
VECTORS = {"relevance", "consensus", "genericness", "support", "proxy", "reply", "safety"}

HIKE = Pool(
    dialog=Dialog.of(
        ["I love hiking in the Alps.", "Me too! I hike a lot.", "Which trail would you recommend?"],
        id="hike",
        facts=["I live in Chamonix.", "I have two dogs."],
    ),
    candidates=(
        Candidate(text="The Tour du Mont Blanc is lovely. Have you done it?", source="lm", kind="generator"),
        Candidate(
            text="Try the path around the lake.",
            source="base",
            kind="retrieval",
            score=0.7,
            matched="Do you know a good trail?",
            evidence=("The path around the lake takes two hours.",),
        ),
        Candidate(text="I don't know.", source="base", kind="retrieval", rank=1, score=0.4),
        Candidate(text="", source="lm", kind="generator", rank=1),
    ),
)
BARE = Pool.of("My cat died yesterday.", ["I am so sorry to hear that.", "Great, congratulations!"])
EMPTY = Pool.of("Hi!", [])
ALONE = Pool.of("Hi!", ["Hello there, how are you?"])
STRANGE = Pool.of(
    "Привет! Как прошли выходные?",
    ["😀😀", "שלום, מה שלומך?", "Хорошо, ездили на дачу.", "...", "<unk> <unk> qwrtzx", "नमस्ते, आप कैसे हैं?", "  \n "],
)
LONG = Pool.of(
    [Turn(speaker="human", text="word " * 20_000), Turn(speaker="bot", text="ok"), Turn(speaker="human", text="so?")],
    ["An answer.", "very " * 300 + "long"],
)
POOLS = (HIKE, EMPTY, BARE, ALONE)


def _entries() -> list[Any]:
    return [pytest.param(name, marks=() if name in MODEL_FREE else pytest.mark.slow, id=name) for name in ANNOTATORS]


@pytest.fixture(params=_entries(), scope="module")
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def subject(name: str) -> Annotator:
    annotator = ANNOTATORS.build(name, GIVEN.get(name, {}))
    assert isinstance(annotator, Annotator)
    return annotator


@pytest.fixture(scope="module")
def whole(subject: Annotator) -> Floats:
    """The values of ``POOLS``, measured once."""
    return subject.annotate(POOLS)


def _assert_same(one: Floats, two: Floats, name: str) -> None:
    tolerance = 0 if name in MODEL_FREE else BFLOAT16 if name in VECTORS else TOLERANCE
    np.testing.assert_allclose(one, two, rtol=tolerance, atol=tolerance)


def width(annotator: Annotator) -> int:
    return len(matrix_columns({"it": annotator}))


def test_gives_float32_of_the_promised_shape(subject: Annotator, whole: Floats) -> None:
    assert whole.dtype == np.float32
    assert whole.shape == (sum(map(len, POOLS)), width(subject))


def test_columns_are_unique_and_documented(subject: Annotator) -> None:
    names = [column.name for column in subject.columns]
    assert names
    assert len(set(names)) == len(names)
    for column in subject.columns:
        said = [
            getattr(column, field.name)
            for field in dataclasses.fields(column)
            if field.name not in {"optional", "per_source", "width"}
        ]
        assert all(isinstance(text, str) and text.strip() for text in said), column.name
        assert re.fullmatch(r"[a-z][a-z_]*", column.name)
        assert column.says != column.says_low and column.sign in (-1, 0, 1)


def test_judges_every_ordinary_answer(subject: Annotator, whole: Floats) -> None:
    values = whole[:2]
    each = matrix_columns({"it": subject}).values()
    needed = [at for at, column in enumerate(each) if not column.optional]
    assert np.isfinite(values[:, needed]).all()
    assert not np.isnan(values).all(axis=0).any(), "no column is NaN where all is known"


def test_differs_between_answers(whole: Floats) -> None:
    assert (np.nanstd(whole[: len(HIKE)], axis=0) > 0).any()


def test_batching_changes_nothing(subject: Annotator, name: str, whole: Floats) -> None:
    parts = np.vstack([subject.annotate([pool]) for pool in POOLS])
    _assert_same(whole, parts, name)


def test_other_pools_of_the_call_change_nothing(subject: Annotator, name: str, whole: Floats) -> None:
    _assert_same(subject.annotate([BARE, STRANGE, HIKE])[-len(HIKE) :], whole[: len(HIKE)], name)


def test_order_of_candidates_permutes_rows_only(subject: Annotator, name: str, whole: Floats) -> None:
    order = [2, 0, 3, 1]
    turned = Pool(dialog=HIKE.dialog, candidates=tuple(HIKE.candidates[at] for at in order))
    _assert_same(subject.annotate([turned]), whole[: len(HIKE)][order], name)


@pytest.mark.parametrize("pools", [(), (EMPTY,), (EMPTY, EMPTY)], ids=["no pool", "one empty", "two empty"])
def test_nothing_to_judge_gives_no_rows(subject: Annotator, pools: tuple[Pool, ...]) -> None:
    values = subject.annotate(pools)
    assert values.dtype == np.float32
    assert values.shape == (0, width(subject))


def test_empty_text_is_not_judged(subject: Annotator, name: str, whole: Floats) -> None:
    """Length, origin and source do not need a text; all else is NaN, white space alone included."""
    values = np.vstack([whole[3], subject.annotate([STRANGE])[-1]])
    if name == "length":
        assert (values == 0).all()
    elif name not in {"origin", "source"}:
        assert np.isnan(values).all()


@pytest.mark.parametrize("pool", [STRANGE, LONG], ids=["emoji, RTL, Cyrillic", "very long"])
def test_bears_strange_texts(subject: Annotator, pool: Pool) -> None:
    values = subject.annotate([pool])
    assert values.shape == (len(pool), width(subject))
    assert not np.isinf(values).any()


def test_bears_a_crowd(subject: Annotator, name: str) -> None:
    size = 1000 if name in MODEL_FREE else 40  # a language model takes minutes for a thousand
    many = Pool.of(HIKE.dialog, [f"Answer number {at} about hiking in the mountains." for at in range(size)])
    assert subject.annotate([many]).shape == (size, width(subject))


def test_stops_when_nobody_waits(subject: Annotator, name: str) -> None:
    if name in {"origin", "source"}:
        pytest.skip("it looks up what candidates bring")
    unseen = Pool.of("Where do otters sleep?", ["Otters sleep afloat.", "In a raft of kelp."], facts=["Otters raft."])
    with awaited() as gone, pytest.raises(Late):
        gone.set()
        subject.annotate([unseen])


def test_gives_the_same_again_and_leaves_its_inputs_alone(subject: Annotator, whole: Floats) -> None:
    before = copy.deepcopy(POOLS)
    np.testing.assert_array_equal(subject.annotate(POOLS), whole)
    assert before == POOLS


def test_fingerprint_is_stable(subject: Annotator, name: str) -> None:
    assert re.fullmatch(r"[0-9a-f]{16}", subject.fingerprint)
    assert ANNOTATORS.build(name, GIVEN.get(name, {})).fingerprint == subject.fingerprint


def _other(value: object) -> object:
    """Another value of the same type, where one can be made without knowing the setting."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    return value * 0.9 if isinstance(value, float) and value else None


def test_fingerprint_changes_with_settings(subject: Annotator, name: str) -> None:
    changed = []
    for field in dataclasses.fields(ANNOTATORS.find(name)):
        other = _other(getattr(subject, field.name))
        if other is not None:
            changed.append(ANNOTATORS.build(name, {field.name: other}).fingerprint)
    assert len({subject.fingerprint, *changed}) == 1 + len(changed)


def test_settings_are_frozen(subject: Annotator, name: str) -> None:
    fields = [field.name for field in dataclasses.fields(ANNOTATORS.find(name))]
    for field in fields:
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(subject, field, None)


def test_unknown_setting_is_refused_with_the_known_ones(name: str) -> None:
    fields = [field.name for field in dataclasses.fields(ANNOTATORS.find(name))]
    with pytest.raises(UnknownName, match="unknown setting of annotator") as caught:
        ANNOTATORS.build(name, {"no_such_setting": 1})
    assert all(field in str(caught.value) for field in fields)


def test_wrong_type_is_refused(name: str) -> None:
    for field in dataclasses.fields(ANNOTATORS.find(name)):
        with pytest.raises(BlendError, match=f"settings of annotator {name!r}"):
            ANNOTATORS.build(name, {field.name: {"a": "table"}})
