from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr

from blender.judging.perplexity_link import perplexity_link
from blender.judging.pools import LabelledPool
from tests.judging.conftest import pool

Losses = dict[tuple[str, str], float]


def made(systems: str, dialogs: int, level: float, own: float) -> tuple[list[LabelledPool], Losses]:
    """SSA that falls with the loss: ``level`` from system to system, ``own`` from answer to answer."""
    draw = np.random.default_rng(0)
    pools: list[LabelledPool] = []
    losses: Losses = {}
    for at in range(dialogs):
        labels: dict[str, float] = {}
        for place, name in enumerate(systems):
            nudge = draw.normal()
            losses[f"d{at}", f"{name} d{at}"] = 3 + place + nudge
            labels[name] = float(np.clip(0.5 - level * (place - 2) - own * nudge + draw.normal(0, 0.1), 0, 1))
        pools.append(pool(f"d{at}", {name: (each, each) for name, each in labels.items()}))
    return pools, losses


def test_across_systems_and_answer_by_answer() -> None:
    pools, losses = made("abcde", 60, 0.1, 0.0)
    found = perplexity_link(pools, losses, draws=200)
    means = np.array([[one.loss, one.ssa] for one in found.systems])
    assert [one.system for one in found.systems] == list("abcde")
    assert found.pearson == pytest.approx(pearsonr(means[:, 0], means[:, 1])[0]) and found.spearman == pytest.approx(-1)
    assert found.p == pytest.approx(2 / math.factorial(5))  # one order and its reverse
    keys = list(losses)
    labels = {(p.pool.dialog.id, c.text): s for p in pools for c, s in zip(p.pool.candidates, p.sensible, strict=True)}
    expected = spearmanr([losses[key] for key in keys], [labels[key] for key in keys])[0]
    assert found.answers.value == pytest.approx(expected, abs=1e-6)
    assert found.answers.low < found.answers.value < found.answers.high < 0
    assert found.within.low < 0 < found.within.high  # nothing left within systems
    assert (found.count, found.unknown) == (300, 0)


def test_what_holds_within_systems_is_seen_without_any_difference_between_them() -> None:
    found = perplexity_link(*made("abcdefgh", 50, 0.0, 0.2), draws=200)
    assert found.within.high < -0.3
    assert 0 < found.p <= 1  # eight systems: random orders


def test_how_many_answers_a_system_gave_is_nothing_within_systems() -> None:
    draw = np.random.default_rng(1)
    names = [("a", "b") if at < 50 else ("b",) for at in range(300)]
    pools = [pool(f"d{at}", {name: (draw.random(), 0) for name in given}) for at, given in enumerate(names)]
    losses = {(p.pool.dialog.id, c.text): float(draw.normal()) for p in pools for c in p.pool.candidates}
    found = perplexity_link(pools, losses, draws=200).within
    assert found.low < 0 < found.high and abs(found.value) < 0.12


def test_unknown_losses_are_counted_and_never_zero() -> None:
    pools, losses = made("ab", 10, 0.1, 0.0)
    gaps: dict[tuple[str, str], float | None] = dict(losses)
    gaps["d0", "a d0"], gaps["d1", "b d1"] = None, float("nan")
    del gaps["d2", "a d2"]
    found = perplexity_link([*pools, pool("x", {"a": (None, None)})], gaps, draws=50)
    assert (found.count, found.unknown) == (17, 3)
    assert math.isnan(found.spearman) and math.isnan(found.p)  # two systems make no correlation
    nothing = perplexity_link(pools, {}, draws=10)
    assert nothing.systems == () and nothing.unknown == 20 and math.isnan(nothing.answers.value)
