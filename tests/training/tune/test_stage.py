from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from blender.errors import BadInput
from blender.index.base import PhraseBase
from blender.index.heads import Heads
from blender.matrix import FeatureMatrix, Floats
from blender.records import Pool
from blender.settings import BUNDLES
from blender.terms import Curve, Head, Trees
from blender.training.tune.contrastive import Embedding, contrastive_heads
from blender.training.tune.dialogues import Pair
from blender.training.tune.fitting import FitSettings, Pairs
from blender.training.tune.interest import mean_rarity, quantile
from blender.training.tune.judge import Judge
from blender.training.tune.policy import PolicySettings, Round, train_policy
from blender.training.tune.recall import true_ranks
from blender.training.tune.scene import Scene
from blender.training.tune.stage import RewardStage
from blender.training.tune.ways import K, ranker_heads, ranker_pairs, reranked_ranks


@dataclass
class LikesLength:
    """Finds an answer the more specific the more words it has, and all alike sensible."""

    sets: tuple[str, ...] = ("made up",)
    asked: list[int] = field(default_factory=list)

    def measure(self, pools: Sequence[Pool]) -> FeatureMatrix:
        texts = [text for pool in pools for text in pool.texts]
        self.asked.append(len(texts))
        lengths = np.array([[len(text.split())] for text in texts], dtype=np.float32)
        return FeatureMatrix(values=lengths, columns=("length.words",), group_sizes=tuple(map(len, pools)))

    def probabilities(self, matrix: FeatureMatrix) -> tuple[Floats, Floats]:
        return np.full(len(matrix), 0.5, dtype=np.float32), matrix.values[:, 0] / np.float32(10)


def stage(base: PhraseBase, encoder: Any, judge: Any, **more: Any) -> RewardStage:
    pairs = [Pair(context=f"what of {at} the river", reply="r", conversation="c") for at in range(40)]
    queries = encoder.encode([pair.context for pair in pairs])
    return RewardStage(scene=Scene(base=base), pairs=pairs, queries=queries, judge=judge, **more)


def test_a_reward_is_interest_times_gate_and_measured_once(make_base: Callable[..., PhraseBase], encoder: Any) -> None:
    judge = LikesLength()
    made = stage(make_base(), encoder, judge)
    contexts, rows = np.array([0, 3]), np.array([[1, 2, 2], [5, 1, 2]])
    lengths = np.array([[len(made.scene.texts[row].split()) for row in each] for each in rows])
    np.testing.assert_allclose(made.rewards(contexts, rows), 0.5 * lengths / 10, rtol=1e-6)
    made.rewards(contexts, rows)
    made.rewards(np.array([0]), np.array([[1, 7]]))
    assert judge.asked == [5, 1]


@pytest.mark.parametrize(("gate", "factor"), [("none", 1.0), ("sensible", 0.5)])
def test_gates(make_base: Callable[..., PhraseBase], encoder: Any, gate: Any, factor: float) -> None:
    by_phrase = np.linspace(0, 1, 60, dtype=np.float32)
    made = stage(make_base(), encoder, LikesLength(), interest="perplexity", gate=gate, by_phrase=by_phrase)
    rows = np.array([[4, 50]])
    np.testing.assert_allclose(made.rewards(np.array([0]), rows), factor * by_phrase[rows], rtol=1e-6)


def test_the_gate_of_relevance_is_the_cosine(make_base: Callable[..., PhraseBase], encoder: Any) -> None:
    made = stage(make_base(), encoder, LikesLength(), interest="rarity", gate="relevance", by_phrase=np.ones(60))
    cosine = float(made.queries[2] @ made.replies[9])
    assert made.rewards(np.array([2]), np.array([[9]]))[0, 0] == pytest.approx(max(cosine, 0), abs=1e-5)


def test_a_stage_that_makes_no_sense_is_refused(make_base: Callable[..., PhraseBase], encoder: Any) -> None:
    base = make_base()
    with pytest.raises(BadInput, match="value for every phrase"):
        stage(base, encoder, LikesLength(), interest="rarity")
    with pytest.raises(BadInput, match="gate must be one of"):
        stage(base, encoder, LikesLength(), gate="other")


def test_a_bundle_pays_by_what_does_not_go_by_company() -> None:
    judge = Judge.of_bundle(BUNDLES / "fast")
    read = {column.partition(".")[0] for column in judge.sensible.columns}
    assert read - set(judge.annotators) == {"consensus"}


def test_stages_of_other_rewards_have_other_names(make_base: Callable[..., PhraseBase], encoder: Any) -> None:
    base = make_base()

    def judge(level: float) -> Judge:
        curve = Curve(x=np.zeros(1), y=np.full(1, level))
        head = Head(trees=Trees(columns=(), texts=()), curve=curve)
        return Judge(sensible=head, specific=head, annotators={})

    paid = [np.linspace(0, end, 60, dtype=np.float32) for end in (1, 2)]
    names = [
        stage(base, encoder, judge(0.5)).name,
        stage(base, encoder, judge(0.6)).name,
        *(stage(base, encoder, judge(0.5), interest="perplexity", by_phrase=each).name for each in paid),
    ]
    assert len(set(names)) == 4
    assert stage(base, encoder, judge(0.5)).name == names[0]


def top_words(made: RewardStage, heads: Heads) -> float:
    rows = made.actions(heads, 2)[:, 0]
    return float(np.mean([len(made.scene.texts[row].split()) for row in rows]))


def test_a_policy_on_a_base_finds_longer_answers_when_paid_for_length(
    make_base: Callable[..., PhraseBase], encoder: Any
) -> None:
    made = stage(make_base(), encoder, LikesLength())
    start = Heads.identity(encoder.dimension, encoder.fingerprint)
    rounds: list[Round] = []
    settings = PolicySettings(k=16, iterations=8, contexts=40, minibatch=20, rate=5e-3, refresh=4)
    heads = train_policy(made, start, settings, watch=lambda told, _: rounds.append(told))
    assert top_words(made, heads) > top_words(made, start) + 1
    assert rounds[-1].reward > rounds[0].reward


def test_the_rankers_best_and_worst_become_positive_and_negative(
    make_base: Callable[..., PhraseBase], encoder: Any
) -> None:
    made = stage(make_base(), encoder, LikesLength())
    start = Heads.identity(encoder.dimension, encoder.fingerprint)
    pairs = ranker_pairs(made, start)
    paid = made.rewards(np.arange(40), made.actions(start, K))
    assert pairs.ids is not None
    best = made.rewards(np.arange(40), pairs.ids[:, None])[:, 0]
    np.testing.assert_allclose(best, paid.max(1))
    assert pairs.negatives is not None and pairs.negatives.shape == (40, 4, encoder.dimension)
    settings = FitSettings(epochs=15, batch=36, rate=1e-2, decay=0.1, patience=15)
    heads = ranker_heads(made, start, seed=0, settings=settings)
    assert top_words(made, heads) > top_words(made, start) + 0.5


def test_a_weight_of_nothing_leaves_the_ranks_as_they_are() -> None:
    g = np.random.default_rng(0)
    vectors = g.normal(size=(2, 50, 8)).astype(np.float32)
    # Each context says the reply that is nearest to it.
    near = (vectors[0] @ vectors[1].T).argmax(1)
    pairs = [Pair(context=f"reply {near[at]}", reply=f"reply {at}", conversation="c") for at in range(50)]
    heads, test = Heads.identity(8, "x"), Pairs(queries=vectors[0], positives=vectors[1])
    given: Any = SimpleNamespace(
        untuned=heads, test=test, test_pairs=pairs, interest_of=lambda *_: np.ones(50, dtype=np.float32)
    )
    plain = true_ranks(heads.queries(test.queries), heads.replies(test.positives), pairs)
    (found,) = reranked_ranks(given, "rarity", [0.0])
    assert found.tolist() == plain.tolist()


def test_rewards_that_are_all_equal_stop_it(make_base: Callable[..., PhraseBase], encoder: Any) -> None:
    made = stage(make_base(), encoder, LikesLength(), interest="rarity", gate="none", by_phrase=np.ones(60, np.float32))
    start = Heads.identity(encoder.dimension, encoder.fingerprint)
    with pytest.raises(BadInput, match=r"round 1: all \d+ rewards of a round are equal"):
        train_policy(made, start, PolicySettings(k=8))


def test_quantiles_are_shares_of_the_base() -> None:
    base = np.array([1, 2, 2, 4], dtype=np.float32)
    np.testing.assert_allclose(quantile(np.array([0, 1, 2, 3, 9, np.nan]), base), [0, 0.125, 0.5, 0.75, 1, 0.5])
    with pytest.raises(BadInput, match="all alike"):
        quantile(base, np.ones(4))


def test_rare_words_are_rare() -> None:
    plain, rare = mean_rarity(["i do not know what to say", "quokkas devour eucalyptus"])
    assert rare > plain + 1


def test_contrastive_heads_learn_the_users_own_ways(encoder: Any) -> None:
    # In these dialogues who asks of one thing is told of another.
    things = ["boat", "river", "tea", "hill", "lamp", "walk", "song", "paper", "winter", "clock", "bread", "garden"]
    pairs = [
        Pair(
            context=f"what of the {things[at % 12]} {at}",
            reply=f"rather a {things[(at + 5) % 12]} {at + 1000}",
            conversation=str(at),
        )
        for at in range(600)
    ]
    parts = {"train": pairs[:480], "dev": pairs[480:540], "test": pairs[540:]}
    embedding = Embedding(ref="word-encoder", encoder=encoder, fade=0.5)
    made = embedding_by_hand(embedding)
    settings = FitSettings(epochs=20, batch=120, rate=1e-2, decay=0.1, dropout=0.0)
    heads = contrastive_heads(parts, made, settings=settings, hard=2)
    vectors = made.pairs(parts["test"])
    start = Heads.identity(encoder.dimension, encoder.fingerprint)

    def right_thing(which: Heads) -> float:
        best = (which.queries(vectors.queries) @ which.replies(vectors.positives).T).argmax(1)
        return float(((best - np.arange(60)) % 12 == 0).mean())

    assert right_thing(start) < 0.5 < right_thing(heads)
    with pytest.raises(BadInput, match="too few pairs"):
        contrastive_heads({**parts, "dev": []}, made)


def embedding_by_hand(embedding: Embedding) -> Embedding:
    """The same without the cache folder: the made-up encoder is no file."""

    class ByHand(Embedding):
        def pairs(self, pairs: Sequence[Pair]) -> Pairs:
            return Pairs(
                queries=self.encoder.encode([pair.context for pair in pairs]),
                positives=self.encoder.encode([pair.reply for pair in pairs]),
                ids=np.arange(len(pairs)),
            )

    return ByHand(ref=embedding.ref, encoder=embedding.encoder, fade=embedding.fade)
