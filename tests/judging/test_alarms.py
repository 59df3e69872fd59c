from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import spearmanr

from blender.judging.alarms import Alarm, alarms
from blender.judging.association import association, explained_by_name
from blender.judging.labels import read_labels
from blender.judging.pools import LabelledPool, Ratings, judged
from blender.matrix import FeatureMatrix
from blender.records import Candidate, Dialog, Pool

SOURCES = ("alpha", "beta", "gamma", "delta")
Score = Callable[[str, int, int, np.random.Generator], float]


def chance(_source: str, _length: int, _place: int, generator: np.random.Generator) -> float:
    return float(generator.random())


def made(score: Score = chance, contexts: int = 60, seed: int = 0) -> list[LabelledPool]:
    """Pools of four sources in random order, texts of random length, scored as told."""
    generator = np.random.default_rng(seed)
    pools = []
    for at in range(contexts):
        order = generator.permutation(SOURCES)
        lengths = generator.integers(1, 30, len(order))
        candidates = [
            Candidate(text="word " * int(length), source=str(source), rank=0)
            for source, length in zip(order, lengths, strict=True)
        ]
        values = [
            score(str(s), int(n), place, generator) for place, (s, n) in enumerate(zip(order, lengths, strict=True))
        ]
        turn = f"Question number {at}: which of these seven rivers is the longest one?"
        pools.append(pool_of(Dialog.of([turn], id=f"d{at}"), candidates, values))
    return pools


def pool_of(dialog: Dialog, candidates: Sequence[Candidate], values: Sequence[float]) -> LabelledPool:
    return LabelledPool(
        pool=Pool(dialog=dialog, candidates=tuple(candidates)),
        dataset="made",
        family="made",
        sensible=judged(values),
        specific=judged([None] * len(values)),
        overall=judged([None] * len(values)),
    )


def matrix(pools: Sequence[LabelledPool], **columns: NDArray[np.float64]) -> FeatureMatrix:
    return FeatureMatrix(
        values=np.column_stack(list(columns.values())).astype(np.float32),
        columns=tuple(name.replace("_", ".") for name in columns),
        group_sizes=tuple(map(len, pools)),
    )


def kinds(found: Sequence[Alarm]) -> list[str]:
    return [alarm.kind for alarm in found]


def test_clean_labels_and_features_raise_no_alarm() -> None:
    for seed in range(5):
        pools, generator = made(seed=seed), np.random.default_rng(seed)
        rows = sum(map(len, pools))
        columns = {f"a_{at}": generator.normal(size=rows) for at in range(20)}
        found = alarms(
            pools,
            matrix(pools, **columns),
            directions=dict.fromkeys((name.replace("_", ".") for name in columns), 1),
            scores=generator.normal(size=rows),
            split=["train" if at % 2 else "test" for at in range(len(pools))],
        )
        assert found == ()


def test_a_source_that_decides_the_score_is_named_with_its_share() -> None:
    found = alarms(made(lambda source, _n, _p, g: SOURCES.index(source) / 4 + 0.2 * g.random()))
    assert kinds(found) == ["source"] and found[0].severity == "serious"
    assert float(found[0].evidence["share"]) > 0.8 and "human score" in found[0].what


def test_length_that_decides_the_score_is_an_alarm_either_way() -> None:
    longer = alarms(made(lambda _s, length, _p, g: length / 60 + 0.1 * g.random()))
    shorter = alarms(made(lambda _s, length, _p, g: 0.6 - length / 60 + 0.1 * g.random()))
    assert kinds(longer) == kinds(shorter) == ["length"]
    assert float(longer[0].evidence["rho"]) > 0.5 and float(shorter[0].evidence["rho"]) < -0.5


def test_a_place_that_decides_the_score_is_an_alarm() -> None:
    found = alarms(made(lambda _s, _n, place, g: place / 8 + 0.4 * g.random()))
    assert kinds(found) == ["position"] and float(found[0].evidence["rho"]) > 0.5


def test_what_explains_the_score_of_a_ranker_is_said_of_the_ranker() -> None:
    pools = made()
    by_source = [SOURCES.index(c.source) for p in pools for c in p.pool.candidates]
    (found,) = alarms(pools, scores=by_source)
    assert found.kind == "source" and found.evidence["of"] == "ranker's score"
    assert float(found.evidence["share"]) == pytest.approx(1)


def test_faults_of_annotators_are_told_apart() -> None:
    pools = made()
    target = np.concatenate([p.sensible for p in pools]).astype(np.float64)
    rows, generator = len(target), np.random.default_rng(1)
    some = generator.normal(size=rows)
    found = alarms(
        pools,
        matrix(
            pools,
            a_fine=target + some,
            a_constant=np.full(rows, 3.0),
            a_saturated=np.where(np.arange(rows) % 40, 1.0, some - 5),
            a_missing=np.where(np.arange(rows) % 3, np.nan, some),
            a_inverted=some - 2 * target,
            a_down=some - 2 * target,
            a_neither=some - 2 * target,
        ),
        directions={"a.fine": 1, "a.inverted": 1, "a.down": -1, "a.constant": 1},
    )
    assert {(str(alarm.evidence["column"]), alarm.kind) for alarm in found} == {
        ("a.constant", "constant"),
        ("a.saturated", "saturated"),
        ("a.missing", "missing"),
        ("a.inverted", "inverted"),
    }
    inverted = next(alarm for alarm in found if alarm.kind == "inverted")
    assert float(inverted.evidence["high"]) < 0 and "better when higher" in inverted.what


def test_a_context_on_both_sides_of_a_split_is_an_alarm_however_it_is_written() -> None:
    one, two = made(contexts=2)
    turn = one.pool.dialog.texts[0]
    again = pool_of(Dialog.of([turn.upper() + " !"], id="other"), one.pool.candidates, one.sensible.tolist())
    assert kinds(alarms([one, two, again], split=["train", "train", "train"])) == []
    (found,) = alarms([one, two, again], split=["train", "train", "test"])
    assert found.kind == "split" and found.evidence["contexts"] == 1


def test_turns_of_one_dialog_on_both_sides_of_a_split_are_an_alarm() -> None:
    one, two, three = made(contexts=3)
    torn = [replace(one, slices={"dialog": "root"}), replace(two, slices={"dialog": "root"}), three]
    (found,) = alarms(torn, split=["train", "test", "test"])
    assert found.kind == "split" and "'root'" in found.what


def rated(pool: LabelledPool, shares: dict[str, float], generator: np.random.Generator) -> LabelledPool:
    given = np.array(
        [np.where(generator.random(len(pool)) < share, pool.sensible, np.nan) for share in shares.values()]
    ).astype(np.float32)
    nothing = np.full_like(given, np.nan)
    ratings = Ratings(raters=tuple(shares), named=True, sensible=given, specific=nothing, overall=nothing)
    return replace(pool, ratings=ratings)


def test_one_rater_who_did_nearly_everything_is_named() -> None:
    generator = np.random.default_rng(0)
    pools = [rated(pool, {"ann": 1.0, "bob": 0.05}, generator) for pool in made()]
    (found,) = alarms(pools)
    assert found.kind == "rater" and found.evidence["rater"] == "ann"
    shared = [rated(pool, {"ann": 1.0, "bob": 0.9}, generator) for pool in made()]
    assert alarms(shared) == ()


def test_of_a_handful_of_candidates_nothing_is_said() -> None:
    assert alarms(made(lambda _s, length, _p, _g: length / 30, contexts=4)) == ()
    assert alarms([]) == ()


def test_pools_without_labels_are_not_read_as_zero() -> None:
    pools = made(lambda _s, length, _p, g: length / 60 + 0.1 * g.random())
    nothing = judged([None] * 4)
    blank = [replace(pool, sensible=nothing, specific=nothing, overall=nothing) for pool in made(seed=1)]
    alone, together = alarms(pools), alarms([*pools, *blank])
    assert alone == together and kinds(alone) == ["length"]


def test_what_does_not_fit_the_pools_is_refused() -> None:
    pools = made(contexts=10)
    with pytest.raises(ValueError, match="groups"):
        alarms(pools, matrix(pools[:-1], a_b=np.zeros(36)))
    with pytest.raises(ValueError, match="one side"):
        alarms(pools, split=["train"])
    with pytest.raises(ValueError, match="one ranker's score"):
        alarms(pools, scores=[1.0])


def test_the_correlation_is_spearmans_of_values_centred_by_pool() -> None:
    generator = np.random.default_rng(3)
    sizes = [4] * 50
    level = np.repeat(generator.normal(size=50) * 10, 4)
    x, y = generator.normal(size=200), generator.normal(size=200)
    centred = [(v.reshape(50, 4) - v.reshape(50, 4).mean(1, keepdims=True)).ravel() for v in (x, x + y)]
    found = association(x + level, x + y - level, sizes)
    assert found.rho == pytest.approx(spearmanr(*centred)[0], abs=1e-9)
    assert found.low < found.rho < found.high and found.sure


def test_the_interval_covers_zero_nineteen_times_in_twenty_where_nothing_is_there() -> None:
    generator = np.random.default_rng(4)
    sure = [association(generator.normal(size=240), generator.normal(size=240), [4] * 60).sure for _ in range(400)]
    assert 0.02 < np.mean(sure) < 0.09


def test_the_interval_covers_what_is_there() -> None:
    """Of values without levels: what is taken off as a pool's mean leaves the correlation as it was."""
    generator, rho, held = np.random.default_rng(6), 0.6, []
    true = 6 / np.pi * np.arcsin(rho / 2)  # Spearman's of the bivariate normal (Pearson 1907)
    for _ in range(400):
        x, noise = generator.normal(size=(2, 240))
        found = association(x, rho * x + np.sqrt(1 - rho**2) * noise, [4] * 60)
        held.append(found.low <= true <= found.high)
    assert 0.91 < np.mean(held) < 0.98


def test_names_that_mean_nothing_explain_nothing_on_average() -> None:
    generator = np.random.default_rng(5)
    shares = [
        explained_by_name(generator.normal(size=120), generator.choice(list("abcdef"), 120).tolist(), [4] * 30)
        for _ in range(200)
    ]
    assert np.mean(shares) == pytest.approx(0, abs=0.01)
    assert np.isnan(explained_by_name([1.0, 2.0], ["a", "a"], [2]))
    assert np.isnan(explained_by_name([], [], []))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("persona-zhao", {"position"}),  # its human answer always stands at one place
        ("predictive-engagement", {"position"}),
        ("holistic-eval", {"length"}),
        ("chateval-esl", {"source"}),
        ("fed-turn", set()),
    ],
)
def test_alarms_of_public_sets(labelled: Path, name: str, expected: set[str]) -> None:
    assert set(kinds(alarms(read_labels(labelled / f"{name}.jsonl")))) == expected


def test_the_alarm_about_length_names_the_switch_that_takes_it_out() -> None:
    labels = made(lambda _s, length, _p, g: length / 60 + 0.1 * g.random())
    (of_labels,) = alarms(labels)
    assert "human score" in of_labels.what
    assert "length_free = true under [ranker]" in of_labels.what
    even = made(chance)
    raised = alarms(even, scores=np.concatenate([[len(text) for text in pool.pool.texts] for pool in even]))
    assert [alarm.evidence["of"] for alarm in raised] == ["ranker's score"]
    assert "length_free = true" in raised[0].what
