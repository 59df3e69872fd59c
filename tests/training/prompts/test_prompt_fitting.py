from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from blender.errors import BadInput
from blender.index.heads import Heads
from blender.prompts.pool import PromptPool
from blender.prompts.prompt import Prompt
from blender.prompts.retriever import PromptRetriever
from blender.training.prompts.choosing import PICKS, picked
from blender.training.prompts.fitting import TrainSettings, fit_retriever, lessons
from blender.training.prompts.outcome import Outcome, helps
from blender.training.prompts.scoring import Scored
from blender.training.prompts.tasks import Row
from blender.training.tune.fitting import FitSettings

QUICK = TrainSettings(worst=2, random=1, fit=FitSettings(epochs=30, batch=32, rate=1e-2, symmetric=False))


def outcome(gold: float) -> Outcome:
    """Of two options, with so much probability of the gold one."""
    losses = -np.log(np.array([gold, 1 - gold], dtype=np.float32))
    return Outcome(losses=losses, tokens=np.ones(2, dtype=np.float32), gold=0, free=False)


def row(text: str, cluster: str = "c") -> Row:
    return Row(
        id=text, task="t", cluster=cluster, text=text, options=("yes", "no"), answer="yes", input=text, long=frozenset()
    )


def prompt(text: str, cluster: str = "c") -> Prompt:
    return Prompt(text, task=f"task of {cluster}", cluster=cluster)


def tried(text: str, gains: dict[str, float], zero: float = 0.5, cluster: str = "c") -> Scored:
    return Scored(
        row=row(text, cluster),
        zero=outcome(zero),
        tried=tuple(prompt(name) for name in gains),
        outcomes=tuple(outcome(value) for value in gains.values()),
    )


def test_scores_are_the_probability_of_the_gold_option_and_of_a_free_answers_token() -> None:
    assert outcome(0.7).score == pytest.approx(0.7) and outcome(0.7).measure == 1 and outcome(0.3).measure == 0
    losses, tokens = np.array([3.0, 4.0], dtype=np.float32), np.array([1.0, 4.0], dtype=np.float32)
    long = Outcome(losses=losses, tokens=tokens, gold=1, free=False)
    assert long.measure == 1 and long.likelihood == -1  # by token: a long option is not the worse for its length
    free = Outcome(losses=losses[:1], tokens=np.array([2.0], dtype=np.float32), gold=0, free=True)
    assert free.score == free.measure == pytest.approx(np.exp(-1.5))


def test_a_prompt_helps_only_if_it_raises_the_score_and_the_gold_option_is_chosen() -> None:
    assert helps(outcome(0.6), outcome(0.55))
    assert not helps(outcome(0.4), outcome(0.3)) and not helps(outcome(0.6), outcome(0.7))


def test_the_best_prompt_is_positive_and_the_worst_are_negatives(encoder: Any) -> None:
    pool = PromptPool.build([prompt(name) for name in ("a", "b", "x", "d", "e")], encoder)
    (lesson,) = lessons([tried("in", {"a": 0.6, "b": 0.9, "x": 0.2, "d": 0.4})], pool, QUICK)
    assert lesson.positive.text == "b" and [each.text for each in lesson.negatives[:2]] == ["x", "d"]
    assert len(lesson.negatives) == 3 and "b" not in {each.text for each in lesson.negatives}


def test_what_no_prompt_of_the_pool_helped_and_equal_scores_are_dropped(encoder: Any) -> None:
    pool = PromptPool.build([prompt(name) for name in ("a", "b", "x")], encoder)
    rows = [
        tried("in", {"a": 0.4, "b": 0.3}),
        tried("equal", {"a": 0.6, "b": 0.6}),
        tried("elsewhere", {"gone": 0.9, "a": 0.2}),
    ]
    assert lessons(rows, pool, QUICK) == []
    with pytest.raises(BadInput, match="helped only 0 of 3"):
        fit_retriever(rows, pool, encoder, QUICK)


def test_heads_learn_which_prompt_helps_which_input(encoder: Any) -> None:
    # Inputs of one kind are helped by "lion", of the other by "stone"; their words say nothing of it.
    words = np.random.default_rng(0).permutation([f"w{at}" for at in range(300)]).reshape(150, 2)
    others = {f"other {at}": 0.5 - at / 100 for at in range(6)}
    red, blue = {"lion": 0.9, "stone": 0.2, **others}, {"lion": 0.2, "stone": 0.9, **others}
    rows = [tried(f"red {a} {b}", red) for a, b in words[::2]] + [tried(f"blue {a} {b}", blue) for a, b in words[1::2]]
    pool = PromptPool.build([prompt(name) for name in ("lion", "stone", *others)], encoder)
    heads, learnt = fit_retriever(rows, pool, encoder, QUICK)
    assert 100 < learnt < 150
    fresh = [f"{('red', 'blue')[at % 2]} v{at} u{at}" for at in range(40)]
    wanted = ["lion", "stone"] * 20

    def right(retriever: PromptRetriever) -> float:
        found = retriever.find(fresh, 1)
        return float(np.mean([near[0].text == want for near, want in zip(found, wanted, strict=True)]))

    assert right(PromptRetriever(pool, encoder, heads)) > 0.9 > 0.5 > right(PromptRetriever(pool, encoder))


def test_picks_of_a_cluster_use_only_prompts_of_the_pool(encoder: Any) -> None:
    rows = [
        tried("a lion roars", {"lion": 0.9, "stone": 0.3, "gone": 0.99}),
        tried("b", {"lion": 0.1}, cluster="other"),
    ]
    pool = PromptPool.build([prompt("lion"), prompt("stone")], encoder)
    heads = Heads.identity(encoder.dimension, encoder.fingerprint)
    found = picked(rows, "c", pool, encoder, heads)
    assert dict(zip(PICKS, found[0].tolist(), strict=True)) == pytest.approx(
        {"random": 0.1, "untuned": 0.4, "tuned": 0.4, "best": 0.4}
    )
    assert len(found) == 1 and picked(rows, "none", pool, encoder, heads).shape == (0, 4)
