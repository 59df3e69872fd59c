from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pytest
from crowdkit.aggregation import MajorityVote

from blender.errors import BadInput
from blender.judging.labels import read_labels
from blender.judging.ssa import ssa
from blender.judging.target import gated_specific, targets
from blender.labelling.aggregate import Method, label_rows, labelled_pools, not_judged
from blender.labelling.campaign import Campaign
from blender.labelling.crowd import Model, infer
from blender.labelling.records import Gold, Item, Label
from blender.records import Dialog

Pair = tuple[bool | None, bool | None]
Said = dict[str, Pair]


def item(id: str, text: str = "Well.", systems: tuple[str, ...] = ("a",), dialog: str = "d", **more: object) -> Item:
    given = Dialog.of(["Hi", "Hello.", f"So, {dialog}?"], id=dialog, facts=("f",), locale="ru")
    return Item(id=id, page=id, dialog=given, text=text, systems=systems, **more)  # type: ignore[arg-type]


def campaign(*items: Item) -> Campaign:
    return Campaign(name="try", form="single", raters=3, items=items)


def labels(said: Mapping[str, Mapping[str, Pair]]) -> list[Label]:
    return [
        Label(item=id, rater=rater, sensible=s, specific=c)
        for id, given in said.items()
        for rater, (s, c) in given.items()
    ]


YES, SENSIBLE, NO, SKIPPED = (True, True), (True, False), (False, False), (None, None)


@pytest.mark.parametrize(
    ("said", "majority", "mean"),
    [
        ({"x": YES, "y": YES, "z": NO}, (1, 1), (2 / 3, 2 / 3)),
        ({"x": YES, "y": SENSIBLE, "z": NO}, (1, 0), (2 / 3, 1 / 3)),
        ({"x": YES, "y": NO}, (0, 0), (0.5, 0.5)),  # a tie is no coin-flip
        ({"x": YES, "y": SENSIBLE}, (1, 0), (1, 0.5)),
        ({"x": (True, None), "y": YES, "z": (False, None)}, (1, 0), (2 / 3, 0.5)),  # not sensible is not specific
        ({"x": (True, None)}, (1, None), (1, None)),
        ({"x": (True, None), "y": (True, None), "z": NO}, (1, None), (2 / 3, None)),  # who was asked did not say
        ({"x": SKIPPED, "y": YES}, (1, 1), (1, 1)),
    ],
)
def test_majority_and_mean(said: Said, majority: tuple[float, float | None], mean: tuple[float, float | None]) -> None:
    for method, (sensible, specific) in (("majority", majority), ("mean", mean)):
        (row,) = label_rows(campaign(item("i")), labels({"i": said}), method)  # type: ignore[arg-type]
        assert row.sensible == pytest.approx(sensible)
        assert row.specific == (None if specific is None else pytest.approx(specific))
        assert len(row.ratings) == sum(given != SKIPPED for given in said.values())


def test_a_row_per_item_and_system_with_everything_it_came_with(tmp_path: Path) -> None:
    job = campaign(
        item("i1", "One.", ("a", "b"), kind="retrieval", slices={"cluster": "3"}),
        item("i2", "", ("c",)),
        item("g", "Gold.", gold=Gold(sensible=True)),
        item("r", "One.", repeats="i1"),
        item("i3", "Nobody saw this.", ("c",)),
        item("i4", "Elsewhere.", ("a",), dialog="e"),
    )
    said = labels({"i1": {"y": YES, "x": NO, "z": YES}, "g": {"x": NO}, "r": {"x": NO}, "i4": {"x": SENSIBLE}})
    rows = label_rows(job, said)
    assert [(row.source, row.response, row.sensible) for row in rows] == [
        ("a", "One.", 1), ("b", "One.", 1), ("c", "", 0), ("a", "Elsewhere.", 1),
    ]  # fmt: skip
    assert [rating.rater for rating in rows[0].ratings] == ["x", "y", "z"] and not rows[2].ratings
    assert rows[2].specific == 0 and rows[0].locale == "ru" and rows[0].facts == ["f"]
    assert (rows[0].source_type, rows[0].slices, rows[0].dataset) == ("retrieval", {"cluster": "3"}, "try")
    assert [missing.id for missing in not_judged(job, said)] == ["i3"]
    path = tmp_path / "labels.jsonl"
    path.write_bytes(b"\n".join(msgspec.json.encode(row) for row in rows))
    read, made = read_labels(path), labelled_pools(job, said)
    assert [pool.pool.dialog for pool in read] == [pool.pool.dialog for pool in made]
    assert read[0].aggregated == made[0].aggregated == "aggregated by majority"
    # the pools keep what nobody judged, as not judged, so that it is counted
    assert [c.text for c in made[0].pool.candidates] == ["One.", "One.", "", "Nobody saw this."]
    assert math.isnan(made[0].sensible[3]) and made[0].sensible[:3].tolist() == [1, 1, 0]
    c = ssa(made, draws=10).system("c")
    assert (c.answers, c.unjudged) == (1, 1) and math.isnan(c.ssa.value)  # of what it said nothing is judged


@pytest.mark.parametrize("method", ["majority", "mean"])
def test_scores_and_targets_take_the_aggregated_label(method: Method) -> None:
    job = campaign(item("i"), item("e", " ", ("a",)))
    pools = labelled_pools(job, labels({"i": {"x": YES, "y": SENSIBLE, "z": NO}}), method)
    expected = (1 + 0) / 2 if method == "majority" else (2 / 3 + 1 / 3) / 2
    score = ssa(pools, draws=10).systems[0]
    assert score.ssa.value == pytest.approx((expected + 0) / 2) and score.answers == 2
    assert targets(pools).values[0].tolist() == pytest.approx([expected, 0])
    assert gated_specific(pools[0]).tolist() == pytest.approx([0 if method == "majority" else 1 / 3, 0])


def test_wrong_labels_are_all_named() -> None:
    said = [*labels({"i": {"x": YES}, "k": {"x": YES}}), *labels({"i": {"x": NO}})]
    with pytest.raises(BadInput) as fault:
        label_rows(campaign(item("i")), said)
    assert len(fault.value.problems) == 2 and "'k'" in str(fault.value) and "two labels" in str(fault.value)
    with pytest.raises(BadInput, match="known are majority, mean, dawid-skene, mace"):
        label_rows(campaign(item("i")), [], "vote")  # type: ignore[arg-type]


def crowd(seed: int) -> tuple[dict[str, dict[str, bool]], dict[str, bool]]:
    """100 items by two good raters, and four who answer at random."""
    draw = np.random.default_rng(seed)
    truth = {f"i{at}": bool(draw.random() < 0.5) for at in range(100)}
    skill = {"ann": 0.95, "bob": 0.95, "cy": 0.5, "dan": 0.5, "eve": 0.5, "flo": 0.5}
    votes = {
        id: {rater: yes if draw.random() < right else not yes for rater, right in skill.items()}
        for id, yes in truth.items()
    }
    return votes, truth


@pytest.mark.slow
@pytest.mark.parametrize("model", ["dawid-skene", "mace"])
def test_learning_whom_to_trust_beats_counting_heads(model: Model) -> None:
    votes, truth = crowd(0)
    heads = {id: sum(given.values()) > len(given) / 2 for id, given in votes.items()}
    found = infer(votes, model, "sensible", seed=1)
    majority, inferred = (np.mean([said[id] == yes for id, yes in truth.items()]) for said in (heads, found))
    assert majority < 0.85 < 0.9 < inferred
    assert infer(votes, model, "sensible", seed=1) == found


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # its calls of pandas
def test_the_majority_is_that_of_crowd_kit_where_there_is_no_tie() -> None:
    votes, _ = crowd(1)
    table = pd.DataFrame(
        [(id, rater, int(yes)) for id, given in votes.items() for rater, yes in given.items()],
        columns=["task", "worker", "label"],
    )
    expected = MajorityVote().fit_predict(table)
    said = labels({id: {rater: (yes, yes) for rater, yes in given.items()} for id, given in votes.items()})
    rows = label_rows(campaign(*(item(id) for id in votes)), said)
    untied = [row for row in rows if sum(rating.sensible or 0 for rating in row.ratings) != 3]
    assert len(untied) > 50 and all(row.sensible == expected[row.row_id] for row in untied)


@pytest.mark.parametrize("model", ["dawid-skene", "mace"])
def test_raters_with_too_few_labels_are_named_with_their_number(model: Method) -> None:
    said = {f"i{at}": {"ann": YES if at % 2 else NO, "bob": YES} for at in range(6)}
    said["i0"]["cy"], said["i1"]["cy"], said["i2"]["dan"] = YES, NO, YES
    job = campaign(*(item(id) for id in said))
    with pytest.raises(BadInput, match=r"needs 4 labels of each .* cy \(2\), dan \(1\): aggregate by majority or mean"):
        label_rows(job, labels(said), model)
    assert len(label_rows(job, labels(said))) == 6


def test_skill_needs_raters_to_compare() -> None:
    said = {f"i{at}": {"ann": at % 2 == 0} for at in range(8)}
    with pytest.raises(BadInput, match="no item has two raters"):
        infer(said, "dawid-skene", "sensible")
    # nothing to weigh where all say the same, or nobody says anything
    assert infer({"i": {"ann": True}, "k": {}}, "mace", "sensible") == {"i": True}
    assert infer({}, "mace", "sensible") == {}


@pytest.mark.slow
def test_what_is_not_sensible_is_never_specific() -> None:
    draw = np.random.default_rng(3)
    said: dict[str, Said] = {}
    for at in range(30):
        said[f"i{at}"] = {r: [YES, SENSIBLE, NO][int(draw.integers(3))] for r in ("ann", "bob", "cy")}
    for row in label_rows(campaign(*(item(id) for id in said)), labels(said), "dawid-skene"):
        assert row.sensible in (0, 1) and row.specific in (0, 1) and (row.specific or 0) <= (row.sensible or 0)
        assert json.loads(msgspec.json.encode(row))["flags"] == ["aggregated by dawid-skene"]
