from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from blender.errors import BadInput, BlendError
from blender.index.heads import Heads
from blender.matrix import Floats
from blender.training.tune.policy import PolicySettings, Round, Rows, train_policy

D = 16
START = Heads.identity(D, "made-up", scale=10.0)
QUICK = PolicySettings(k=8, iterations=8, contexts=64, minibatch=32, rate=3e-3, refresh=4, target_kl=0.5)


@dataclass
class Bandit:
    """Phrases that pay the more, the further they lie in one direction; each context starts among its nearest."""

    queries: Floats
    replies: Floats
    pay: Callable[[Rows], Floats]

    def actions(self, heads: Heads, k: int) -> Rows:
        scores = heads.queries(self.queries) @ heads.replies(self.replies).T
        return np.argsort(-scores, axis=1)[:, :k].astype(np.int64)

    def rewards(self, contexts: Rows, rows: Rows) -> Floats:
        return self.pay(rows)


def bandit(pay: Callable[[Rows], Floats] | None = None) -> Bandit:
    g = np.random.default_rng(0)
    queries, replies = (g.normal(size=(n, D)).astype(np.float32) for n in (100, 400))
    replies /= np.linalg.norm(replies, axis=1, keepdims=True)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    paying = replies[:, 0] * 2
    return Bandit(queries=queries, replies=replies, pay=pay or (lambda rows: paying[rows]))


def top_reward(stage: Bandit, heads: Heads) -> float:
    return float(stage.pay(stage.actions(heads, 1)).mean())


@pytest.mark.parametrize(
    "settings",
    [
        replace(QUICK, iterations=25),
        replace(QUICK, iterations=25, baseline="value", samples=1),
        replace(QUICK, iterations=25, method="exact"),
    ],
    ids=["leave-one-out", "value", "exact"],
)
def test_the_policy_moves_to_what_pays_and_not_far(settings: PolicySettings) -> None:
    stage = bandit()
    rounds: list[Round] = []
    heads = train_policy(stage, START, settings, watch=lambda told, _: rounds.append(told))
    assert abs(top_reward(stage, START)) < 0.1
    assert top_reward(stage, heads) > top_reward(stage, START) + 0.15
    assert np.mean([each.reward for each in rounds[-5:]]) > np.mean([each.reward for each in rounds[:2]]) + 0.1
    assert 0 < rounds[-1].kl < 3 * settings.target_kl


def test_a_small_target_holds_the_policy_nearer() -> None:
    def end(target: float) -> Round:
        rounds: list[Round] = []
        settings = replace(QUICK, iterations=30, target_kl=target)
        train_policy(bandit(), START, settings, watch=lambda told, _: rounds.append(told))
        return rounds[-1]

    ends = [end(0.02), end(1.0)]
    assert ends[0].kl < ends[1].kl / 2
    assert ends[0].coefficient > ends[1].coefficient


@pytest.mark.parametrize("method", ["ppo", "exact"])
def test_what_is_interrupted_ends_as_what_is_not(tmp_path: Path, method: Literal["ppo", "exact"]) -> None:
    settings = replace(QUICK, method=method)
    whole: list[Round] = []
    heads = train_policy(bandit(), START, settings, watch=lambda told, _: whole.append(told))

    def stop(told: Round, _: Heads) -> None:
        if told.number == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_policy(bandit(), START, settings, checkpoint=tmp_path, watch=stop)
    rest: list[Round] = []
    again = train_policy(bandit(), START, settings, checkpoint=tmp_path, watch=lambda told, _: rest.append(told))
    assert rest == whole[5:]
    assert again.fingerprint == heads.fingerprint


def test_seeds_differ_and_repeat() -> None:
    one, same, other = (train_policy(bandit(), START, replace(QUICK, seed=seed)).fingerprint for seed in (1, 1, 2))
    assert one == same != other


def paid_until(calls: int, then: float) -> Callable[[Rows], Floats]:
    """Pays by the row's parity for so many rounds, then always the same."""
    left = [calls]

    def pay(rows: Rows) -> Floats:
        left[0] -= 1
        return (rows % 2).astype(np.float32) if left[0] >= 0 else np.full(rows.shape, then, dtype=np.float32)

    return pay


@pytest.mark.parametrize(
    ("then", "fault", "says"), [(0.25, BadInput, "equal"), (float("nan"), BlendError, "no numbers")]
)
def test_rewards_that_teach_nothing_stop_it_and_the_last_good_round_is_kept(
    tmp_path: Path, then: float, fault: type[BlendError], says: str
) -> None:
    good = train_policy(bandit(paid_until(3, then)), START, replace(QUICK, iterations=3))
    with pytest.raises(fault, match=rf"round 4.*{says}.*last good round \(3\) is kept"):
        train_policy(bandit(paid_until(3, then)), START, QUICK, checkpoint=tmp_path)
    (kept,) = tmp_path.iterdir()
    # Taken up again with rewards that are sound, it goes on from the third round.
    rounds: list[Round] = []
    train_policy(
        bandit(paid_until(99, then)), START, QUICK, checkpoint=tmp_path, watch=lambda told, _: rounds.append(told)
    )
    assert rounds[0].number == 4
    assert kept.exists() and good.fingerprint


@pytest.mark.parametrize("method", ["ppo", "exact"])
def test_rewards_that_go_by_the_context_alone_teach_nothing(method: Literal["ppo", "exact"]) -> None:
    class ByContext(Bandit):
        def rewards(self, contexts: Rows, rows: Rows) -> Floats:
            return np.broadcast_to(contexts[:, None] / np.float32(30), rows.shape).astype(np.float32)

    stage = ByContext(**vars(bandit()))
    with pytest.raises(BadInput, match="advantages of a whole round are equal"):
        train_policy(stage, START, replace(QUICK, method=method))


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(BadInput, match="2 samples"):
        PolicySettings(samples=1)
    with pytest.raises(BadInput, match="k must be"):
        PolicySettings(k=1)
