from __future__ import annotations

import io
import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from rich.console import Console

from blender.baselines import BestFeature
from blender.errors import UnknownName
from blender.judging.compare import by_pool, judge
from blender.judging.policies import best_feature, best_source, one_source_each, oracle, source_order
from blender.judging.pools import LabelledPool, judged
from blender.judging.resampling import Interval
from blender.matrix import FeatureMatrix
from blender.records import Candidate, Pool


def made(labels: list[float | None], sources: list[str], dataset: str = "s") -> LabelledPool:
    blank = judged([None] * len(labels))
    candidates = [Candidate(text=str(at), source=name) for at, name in enumerate(sources)]
    return LabelledPool(
        pool=Pool.of("Hi", candidates), dataset=dataset, family=dataset,
        sensible=judged(labels), specific=blank, overall=blank,
    )  # fmt: skip


POOLS = [made([0, 1, 0.5], ["a", "b", "c"]), made([0.5, 0, 1, 0], ["a", "b", "b", "c"]), made([1, 1], ["a", "b"])]
FIRST = [np.array([1.0, 0, 0]), np.array([1.0, 0, 0, 0]), np.array([1.0, 0])]


def test_differences_are_paired() -> None:
    found = judge(POOLS, {"first": FIRST, "oracle": oracle(POOLS)}, reference="first")
    assert [row.policy for row in found.rows] == ["oracle", "first"] and (found.contexts, found.flat) == (2, 1)
    first, best = found.row("first"), found.row("oracle")
    # gains -0.5 of 0.5 and 0.125 of 0.625
    assert first.recovered.value == pytest.approx((-1 + 0.2) / 2) and best.recovered.value == pytest.approx(1)
    assert best.difference is not None and best.difference.value == pytest.approx((2 + 0.8) / 2)
    assert (best.wins, best.ties, best.losses) == (2, 0, 0) and (first.wins, first.ties, first.losses) == (0, 2, 0)
    with pytest.raises(UnknownName, match="did you mean 'oracle'"):
        found.row("orakle")
    with pytest.raises(UnknownName, match="policy"):
        judge(POOLS, {"first": FIRST}, reference="last")


def test_contexts_of_one_dialog_stand_or_fall_together() -> None:
    """Each context thrice tells no more than once, if the three are of one dialog."""
    draw = np.random.default_rng(0)
    pools = [made([float(label) for label in draw.random(4)], list("abcd")) for _ in range(20)]
    roots = [replace(pool, slices={"dialog": str(at)}) for at, pool in enumerate(pools)]
    scores = {name: [draw.random(4) for _ in pools] for name in ("one", "two")}
    once = judge(roots, scores, reference="one")
    thrice = judge(3 * roots, {name: 3 * given for name, given in scores.items()}, reference="one")
    for name in scores:
        row, same = once.row(name), thrice.row(name)
        for seen, again in (
            (row.recovered, same.recovered),
            (row.ratio, same.ratio),
            (row.difference, same.difference),
        ):
            assert seen and again and asdict(again) == pytest.approx(asdict(seen))


def test_flat_scores_and_scores_by_pool_are_the_same() -> None:
    flat = np.concatenate(FIRST)
    assert judge(POOLS, {"p": flat}).as_dict() == judge(POOLS, {"p": FIRST}).as_dict()
    for wrong in (flat[:-1], FIRST[:-1], [FIRST[1], FIRST[0], FIRST[2]]):
        with pytest.raises(ValueError, match="one score"):
            by_pool(wrong, [3, 4, 2])
    assert [len(part) for part in by_pool([1.0, 2.0], [1, 1])] == [1, 1]


def test_it_prints_and_is_json() -> None:
    found = judge(POOLS, {"first": FIRST, "oracle": oracle(POOLS)}, reference="first")
    assert json.loads(json.dumps(found.as_dict(), allow_nan=False))["rows"][0]["policy"] == "oracle"
    out = io.StringIO()
    Console(file=out, width=160).print(found.table("the set"))
    assert "oracle" in out.getvalue() and "100.0" in out.getvalue() and "sensible" in out.getvalue()
    nothing = judge([made([1, 1], ["a", "b"])], {"first": [np.zeros(2)]})
    assert json.loads(json.dumps(nothing.as_dict(), allow_nan=False))["rows"][0]["recovered"]["value"] is None


def test_what_rounds_to_nothing_has_no_sign() -> None:
    found = judge(POOLS, {"first": FIRST})
    row = replace(found.rows[0], recovered=Interval(value=-1e-5, low=-0.5, high=0.5))
    out = io.StringIO()
    Console(file=out, width=160).print(replace(found, rows=(row,)).table())
    assert "-0.0" not in out.getvalue() and "-50.0 to 50.0" in out.getvalue()


def test_sources_as_policies() -> None:
    found = judge(POOLS, one_source_each(POOLS))
    # b: 1 in the first pool; a fair draw of 0 and 1 in the second (mean 0.375, room 0.625)
    assert found.row("source b").recovered.value == pytest.approx((1 + 0.125 / 0.625) / 2)
    assert source_order(POOLS) == ("b", "a", "c")
    scores = best_source(POOLS[:1]).score(
        FeatureMatrix(values=np.zeros((4, 0), np.float32), columns=(), group_sizes=(4,)), [POOLS[1].pool]
    )
    assert int(scores.value.argmax()) == 1  # the first of b's two


def test_best_feature_takes_its_direction_from_the_labels_it_is_given() -> None:
    draw = np.random.default_rng(0)
    pools = [made([float(x) for x in draw.random(5)], list("abcde"), dataset) for dataset in "st" for _ in range(30)]
    good = np.concatenate([-pool.sensible + draw.normal(0, 0.2, 5) for pool in pools])
    gaps = np.where(draw.random(300) < 0.1, np.nan, good)
    values = np.stack([draw.random(300), gaps, np.full(300, np.nan)], axis=1).astype(np.float32)
    matrix = FeatureMatrix(values=values, columns=("x.noise", "x.good", "x.none"), group_sizes=(5,) * 60)
    assert best_feature(pools, matrix) == BestFeature(column="x.good", prefer="low")
    turned = FeatureMatrix(values=-values, columns=matrix.columns, group_sizes=matrix.group_sizes)
    assert best_feature(pools, turned) == BestFeature(column="x.good", prefer="high")
