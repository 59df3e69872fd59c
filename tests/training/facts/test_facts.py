from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from blender.baselines import Longest
from blender.errors import BadInput
from blender.judging.label_files import read_label_files
from blender.manifest import sha256
from blender.matrix import FeatureMatrix
from blender.models.fact_reading import HEADS, MANIFEST
from blender.records import Dialog
from blender.training.drawn import FACTS, FACTS_CHOICES, FACTS_JUDGED
from blender.training.facts.choosing import choices, fitted_weight, shares
from blender.training.facts.fit import fit_head
from blender.training.facts.items import BESIDE, HARD, JUDGED, TRAINED_ON, WRITTEN, Written, read_choices, read_items
from blender.training.facts.measure import pair_shares
from blender.true_to_facts import COLUMN, TrueToFacts


def written(items: int) -> Written:
    answers = [("backed", "a"), ("contrary", "b"), ("neither", "c")]
    return Written.of((Dialog.of(f"{at}?", facts=["f"]), answers) for at in range(items))


def test_what_is_written_is_read_and_no_dialog_stands_in_two_files() -> None:
    parts = [read_items([name]) for name in (*TRAINED_ON, HARD)]
    parts += [read_choices(path, beside=True) for path in (FACTS_CHOICES, JUDGED)]
    seen = [{(pool.dialog.turns, pool.dialog.facts) for pool in part.pools} for part in parts]
    assert [len(part.pools) for part in parts] == [230, 170, 120, 200, 150]
    assert len(set().union(*seen)) == sum(map(len, seen))
    for part in parts:
        assert all(pool.dialog.facts for pool in part.pools)
        assert len(part.names) == len(part.kinds) == sum(map(len, part.pools))
    assert BESIDE in parts[-1].names
    assert BESIDE not in read_choices(JUDGED, beside=False).names
    assert len(read_label_files([FACTS_CHOICES, JUDGED])) == 350


def test_the_packaged_head_was_made_of_these_files() -> None:
    said = json.loads((HEADS / "default" / MANIFEST).read_bytes())["data"]
    assert said == {
        path.name: sha256(path.read_bytes())
        for path in (*(WRITTEN / name for name in (*TRAINED_ON, HARD)), JUDGED, FACTS, FACTS_JUDGED)
    }


def test_answers_of_one_dialog_stand_in_one_pool() -> None:
    learnt, drawn = read_items(TRAINED_ON), read_choices(FACTS, beside=True)
    both = learnt + drawn
    assert len(both.pools) == len(learnt.pools), "drawn for dialogs that are learnt from anyway"
    assert len(both.names) == len(learnt.names) + len(drawn.names)
    some = next(at for at, pool in enumerate(both.pools) if pool.dialog.id == drawn.pools[0].dialog.id)
    first = next(pool for pool in learnt.pools if pool.dialog.id == drawn.pools[0].dialog.id)
    assert both.pools[some].texts == first.texts + drawn.pools[0].texts
    assert {pool.dialog.id for pool in read_choices(FACTS_JUDGED, beside=True).pools} == {
        pool.dialog.id for pool in read_choices(JUDGED, beside=True).pools
    }


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "items.jsonl").write_text('{"facts": ["a"]}\n', encoding="utf-8")
    with pytest.raises(BadInput, match=r"holds no dialogs about facts.*turns"):
        read_items(["items.jsonl"], tmp_path)


def test_a_head_learns_directions_and_states_as_they_are() -> None:
    some, generator = written(60), np.random.default_rng(0)
    centers = np.array([[40, 0], [-40, 0], [0, 3]], np.float32)
    apart = centers[some.kinds] + generator.normal(size=(len(some.kinds), 2)).astype(np.float32) + 100
    fitted = fit_head(apart, some, seed=0)
    odds = apart @ fitted.weights + fitted.bias
    assert (odds.argmax(1) == some.kinds).mean() > 0.95
    assert fitted.losses[str(fitted.strength)] == min(fitted.losses.values())


def test_pairs_are_of_one_item_and_ties_count_half() -> None:
    scores = np.array([3, 1, 2, 1, 1, 9, 0, 1, 9], float)
    assert pair_shares(scores, written(3), "backed", "contrary") == [1, 0.5, 0]


def test_the_weight_is_what_brings_scores_to_the_labels() -> None:
    generator = np.random.default_rng(1)
    contrary = generator.random(400)
    worth = generator.normal(size=400)
    values = np.stack([worth + 2.5 * contrary, contrary], axis=1).astype(np.float32)
    rows = worth.reshape(100, 4)
    scale = float(np.sqrt(((rows - rows.mean(1, keepdims=True)) ** 2).mean()))
    values[:, 0] /= scale
    given = FeatureMatrix(values=values, columns=("length.words", COLUMN), group_sizes=(4,) * 100)
    assert fitted_weight(TrueToFacts(ranker=Longest()), given, worth) == pytest.approx(2.5 / scale, abs=0.01)
    assert fitted_weight(TrueToFacts(ranker=Longest()), given, worth + 9 * contrary) == 0  # never a prize


def test_choices_are_counted_by_what_was_asked() -> None:
    matrix = FeatureMatrix(
        values=np.array([[1], [2], [5], [4]], np.float32), columns=("length.words",), group_sizes=(2, 2)
    )
    chosen = choices(Longest(), matrix, ["backed", "contrary", "good", "off"])
    assert chosen == ["contrary", "good"]
    assert shares(chosen, np.array([True, False])) == {
        "about a fact": {"n": 1, "contrary": 1},
        "about something else": {"n": 1, "good": 1},
    }
