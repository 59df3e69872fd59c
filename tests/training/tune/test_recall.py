from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from blender.errors import BadInput
from blender.index.heads import Heads
from blender.training.tune.dialogues import Pair, PairSettings, draw, numbered, pairs_of, read_pairs, split
from blender.training.tune.fitting import Pairs
from blender.training.tune.mining import TOO_NEAR, mined
from blender.training.tune.outcome import Answers, distinct, outcome, recall_row
from blender.training.tune.recall import recalls, true_ranks


def pair(context: str, reply: str, conversation: str = "c") -> Pair:
    return Pair(context=context, reply=reply, conversation=conversation)


def test_ranks_by_hand() -> None:
    queries = np.eye(3, dtype=np.float32)
    replies = np.array([[1, 0, 0], [0.5, 0.2, 0.9], [0.1, 0.4, 0.3]], dtype=np.float32)
    pairs = [pair("a", "one"), pair("b", "two"), pair("c", "three")]
    # Scores of context 0: 1, .5, .1; of context 1: 0, .2, .4; of context 2: 0, .9, .3.
    assert true_ranks(queries, replies, pairs).tolist() == [1, 2, 2]


def test_what_the_context_says_is_no_candidate_for_it() -> None:
    queries = np.eye(3, dtype=np.float32)
    replies = np.array([[1, 0, 0], [0.5, 0.2, 0.9], [0.1, 0.4, 0.3]], dtype=np.float32)
    pairs = [pair("a", "one"), pair("b\nThree!", "two"), pair("c", "three")]
    assert true_ranks(queries, replies, pairs).tolist() == [1, 1, 2]


def test_ties_count_half_against_it() -> None:
    same = np.ones((11, 1), dtype=np.float32)
    ranks = true_ranks(same, same, [pair(f"c{at}", f"r{at}") for at in range(11)])
    assert ranks.tolist() == [6] * 11


def test_recall_of_known_ranks() -> None:
    found = recalls(np.array([1, 2, 10, 11, 100, 101]), [pair("a", "b", str(at)) for at in range(6)])
    assert [found[f"recall@{level}"][0] for level in (1, 10, 100)] == pytest.approx([1 / 6, 3 / 6, 5 / 6])
    assert found["recall@10"][1] < 0.5 < found["recall@10"][2]


def test_contexts_of_a_conversation_are_drawn_together() -> None:
    hits = np.arange(400) // 40 % 2 == 0  # ten conversations, each found everywhere or nowhere
    pairs = [pair(f"c{at}", f"r{at}", f"conversation {at // 40}") for at in range(400)]
    once = [pair(f"c{at}", f"r{at}", f"conversation {at}") for at in range(10)]
    ours, theirs = np.where(hits, 1, 1000), np.full(400, 1000)
    row, alone = recall_row(ours, theirs, pairs), recall_row(ours[::40], theirs[::40], once)
    assert row["recall@10"] == alone["recall@10"] and row["gain@10"] == alone["gain@10"]


def test_outcomes_of_a_conversation_are_drawn_together() -> None:
    one = answers([0.2, 0.8] * 10, [3] * 20, ranks=np.array([1, 50] * 10))
    first = answers([0.4] * 20, [3] * 20)
    five = [replace(each, texts=each.texts * 5, **_repeated(each, 5)) for each in (one, first)]
    few, many = outcome([one], first), outcome([five[0]], five[1])
    for name in ("specific", "specific gain", "specific gain, like length", "recall@10", "recall@10 change"):
        assert many[name] == pytest.approx(few[name]), name


def _repeated(each: Answers, times: int) -> dict[str, Any]:
    """Every array and every name of a conversation so often, as that many contexts of each conversation have them."""
    kept = {name: getattr(each, name) for name in ("specific", "sensible", "toxic", "relevance", "reward", "ranks")}
    names = {name: getattr(each, name) * times for name in ("conversations", "sought")}
    return {name: np.tile(values, times) for name, values in kept.items()} | names


def test_conversations_stay_whole_and_nothing_is_in_two_parts() -> None:
    names = [f"{c // 10} {c % 10}" for c in range(300)]
    pairs = [pair(f"context {c} {t}", f"reply {c} {t}", f"conversation {c}") for c in names for t in range(4)]
    repeated = [pair("context 0 0 0", "Reply 0 0 0!", "another conversation")]
    parts = split([*pairs, *repeated])
    where: dict[str, set[str]] = {}
    for part, some in parts.items():
        for each in some:
            where.setdefault(each.conversation, set()).add(part)
    assert all(len(each) == 1 for each in where.values())
    assert sum(map(len, parts.values())) == 1200, "the repeated pair counts once"
    assert 0.7 < len(parts["train"]) / 1200 < 0.9
    assert split(pairs, seed=1)["test"] != split(pairs, seed=2)["test"]


def test_only_pairs_of_the_wanted_lengths_are_used() -> None:
    asked = ["how are you doing"]
    said = [(["Hi!"], "one two three four"), (asked, "fine"), (asked, "I am quite fine")]
    assert [each.reply for each in pairs_of(said, PairSettings())] == ["I am quite fine"]


def test_dialogues_that_are_too_few_or_wrong_are_refused(tmp_path: object) -> None:
    from pathlib import Path

    path = Path(str(tmp_path)) / "few.jsonl"
    path.write_text('{"turns": ["how are you doing", "I am quite fine"]}\n')
    with pytest.raises(BadInput, match="holds 1 pairs"):
        read_pairs(path, PairSettings())
    path.write_text('{"turns": ["how are you doing", 7]}\n')
    with pytest.raises(BadInput, match=r"few\.jsonl:1"):
        read_pairs(path, PairSettings())


def test_what_is_drawn_differs_in_its_replies() -> None:
    pairs = [pair(f"c{at}", f"Reply {at % 5}!") for at in range(50)]
    assert len(draw(pairs, 1000)) == 5
    assert draw(pairs, 3, seed=1) == draw(pairs, 3, seed=1)


def test_mined_negatives_are_hard_and_not_the_truth() -> None:
    g = np.random.default_rng(0)
    replies = g.normal(size=(300, 8)).astype(np.float32)
    replies /= np.linalg.norm(replies, axis=1, keepdims=True)
    ids = np.arange(300) // 3  # three of each are the same words
    queries = replies + 0.1 * g.normal(size=replies.shape).astype(np.float32)
    found = mined(Pairs(queries=queries, positives=replies, ids=ids), Heads.identity(8, "x"), 3)
    assert found.negatives is not None
    cosines = np.einsum("nmd,nd->nm", found.negatives, replies)
    assert (cosines < TOO_NEAR).all()
    assert cosines.mean() > (replies @ replies.T).mean() + 0.2
    for at, some in enumerate(found.negatives):
        rows = [int(np.flatnonzero((replies == each).all(1))[0]) for each in some]
        assert not set(ids[rows]) & {ids[at]}


def test_what_a_context_says_is_no_mined_negative_of_it() -> None:
    g = np.random.default_rng(0)
    replies = g.normal(size=(40, 8)).astype(np.float32)
    before = np.roll(np.arange(40), 1)  # each context says the reply before its own, and is nearest to it
    pairs = Pairs(queries=replies[before], positives=replies, ids=np.arange(40), said=before[:, None])
    found = mined(pairs, Heads.identity(8, "x"), 3)
    assert found.negatives is not None
    assert not (found.negatives == replies[before][:, None, :]).all(-1).any()


def test_turns_of_a_context_are_known_among_the_replies() -> None:
    pairs = [pair("Hi", "how are you"), pair("Hi\nHOW are you", "fine"), pair("fine", "how are you")]
    ids, said = numbered(pairs)
    assert ids.tolist() == [0, 1, 0]
    assert said.tolist() == [[-1, -1], [-1, 0], [1, -1]]


def answers(
    specific: list[float], lengths: list[int], sensible: float = 0.5, ranks: NDArray[np.int64] | None = None
) -> Answers:
    n = len(specific)
    return Answers(
        texts=tuple(" ".join(["word"] * length) for length in lengths),
        specific=np.array(specific, dtype=np.float32),
        sensible=np.full(n, sensible, dtype=np.float32),
        toxic=np.zeros(n, dtype=np.float32),
        relevance=np.zeros(n, dtype=np.float32),
        reward=np.zeros(n, dtype=np.float32),
        conversations=tuple(map(str, range(n))),
        ranks=np.arange(1, n + 1) if ranks is None else ranks,
        sought=tuple(map(str, range(n))),
        kl=0.0,
    )


def test_a_gain_that_is_length_alone_is_none_at_like_length() -> None:
    short, long = 0.4, 0.8
    untuned = answers([short] * 30 + [long] * 10, [3] * 30 + [18] * 10)
    longer = answers([short] * 10 + [long] * 30, [3] * 10 + [18] * 30)
    found = outcome([longer], untuned)
    assert found["specific gain"][0] == pytest.approx(0.7 / 0.5 - 1, abs=1e-6)
    assert found["specific gain, like length"][0] == pytest.approx(0, abs=1e-6)
    better = outcome([answers([0.44] * 30 + [0.88] * 10, [3] * 30 + [18] * 10, sensible=0.49)], untuned)
    assert better["specific gain, like length"][0] == pytest.approx(0.1, abs=1e-5)
    assert better["sensible change"][0] == pytest.approx(-0.01, abs=1e-6)
    assert better["recall@10 change"] == [0, 0, 0]


def test_distinct_by_hand() -> None:
    assert distinct(["a b a", "a b"], 1) == 2 / 5
    assert distinct(["a b a", "a b"], 2) == 2 / 3
