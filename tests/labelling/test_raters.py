from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from blender.errors import BadInput
from blender.labelling.campaign import Campaign
from blender.labelling.raters import Rater, raters
from blender.labelling.records import Gold, Item, Label
from blender.records import Dialog

Pair = tuple[bool | None, bool | None]
YES: Pair = (True, True)
SENSIBLE: Pair = (True, False)
NO: Pair = (False, False)
SKIPPED: Pair = (None, None)


def item(id: str, gold: Gold | None = None, repeats: str | None = None) -> Item:
    return Item(id=id, page=id, dialog=Dialog.of("Hi"), text=id, systems=("a",), gold=gold, repeats=repeats)


ITEMS = [item(f"i{at}") for at in range(40)]
GOLD = [item(f"g{at}", Gold(sensible=at % 2 == 0, specific=False)) for at in range(4)]
AGAIN = [item(f"r{at}", repeats=f"i{at}") for at in range(3)]
JOB = Campaign(name="try", form="single", raters=3, items=(*ITEMS, *GOLD, *AGAIN))


def table(said: Mapping[str, Mapping[str, Pair]], seconds: dict[str, float] | None = None) -> dict[str, Rater]:
    labels = [
        Label(item=id, rater=rater, sensible=s, specific=c, seconds=(seconds or {}).get(rater))
        for rater, given in said.items()
        for id, (s, c) in given.items()
    ]
    return {row.rater: row for row in raters(JOB, labels)}


def test_gold_repeats_time_and_shares() -> None:
    said = {
        "ann": {"i0": YES, "i1": NO, "i2": SKIPPED, "r0": YES, "r1": YES, "r2": NO}
        | {"g0": SENSIBLE, "g1": NO, "g2": YES, "g3": YES},
    }
    ann = table(said, {"ann": 4.0})["ann"]
    assert (ann.labels, ann.skipped, ann.seconds) == (9, 1, 4.0)
    assert (ann.gold, ann.gold_items) == (0.5, 4)  # g2 is specific but must not be, g3 is not sensible
    assert (ann.repeats, ann.repeated) == (0.5, 2)  # i2 was skipped at first: r2 repeats nothing
    assert ann.sensible == pytest.approx(6 / 9) and ann.specific == pytest.approx(5 / 9)
    assert math.isnan(ann.others) and ann.others_items == 0 and math.isnan(ann.kappa)
    assert ann.alarms == ("2 of 4 gold items right; 70% or more are expected",)
    changed = table({"bob": {"i0": SENSIBLE, "r0": NO}})["bob"]
    assert (changed.repeats, changed.repeated) == (0, 1)  # though it is not specific either time
    unknown = table({"bob": {"i0": (True, None)}})["bob"]
    assert math.isnan(unknown.gold) and math.isnan(unknown.repeats) and math.isnan(unknown.seconds)
    assert math.isnan(unknown.specific) and unknown.alarms == ()


def test_agreement_with_the_majority_of_the_others() -> None:
    draw = np.random.default_rng(0)
    answers = {name: draw.integers(0, 2, 40).astype(bool) for name in ("ann", "bob", "cy", "dan")}
    said = {name: {f"i{at}": YES if yes else NO for at, yes in enumerate(given)} for name, given in answers.items()}
    found = table(said)["ann"]
    votes = np.sum([answers[name] for name in ("bob", "cy", "dan")], axis=0)  # three others never tie
    assert found.others_items == 40
    assert found.others == pytest.approx(((votes > 1.5) == answers["ann"]).mean())
    assert found.kappa == pytest.approx(cohen_kappa_score(answers["ann"], votes > 1.5))
    assert found.specific_others == found.others
    del said["dan"]
    two = table(said)["ann"]
    assert two.others_items == int((answers["bob"] == answers["cy"]).sum())  # a tie is no majority


def half(count: int) -> dict[str, Pair]:
    return {f"i{at}": SENSIBLE if at % 2 else NO for at in range(count)}


def test_always_the_same_answer_raises_an_alarm_where_that_is_no_accident() -> None:
    said = {"ann": half(40), "bob": half(40), "same": {f"i{at}": SENSIBLE for at in range(40)}}
    found = table(said)
    assert found["ann"].alarms == ()
    assert found["same"].alarms == (
        "always sensible (40 of 40); at the others' rate of 50% on the same items the probability of that is "
        "below 0.0001",
    )
    few = table({"ann": half(40), "same": {f"i{at}": SENSIBLE for at in range(4)}})
    assert few["same"].alarms == ()  # 0.5 ** 4 is no wonder
    once = table({"ann": {"i0": NO, "i1": NO, "i2": NO}, "same": {"i0": YES, "i1": YES}})
    assert once["same"].alarms == ()  # one other vote on an item does not make the contrary impossible
    agreed = {name: {f"i{at}": YES for at in range(40)} for name in ("ann", "bob")}
    assert not table(agreed)["ann"].alarms  # all others say so too
    assert not table({"same": said["same"]})["same"].alarms  # nobody to compare with


def test_the_probability_is_that_of_the_binomial() -> None:
    said = {"ann": half(10), "same": {f"i{at}": NO for at in range(10)}}
    chance = ((5 + 1) / (10 + 2)) ** 10
    assert f"{chance:.4f}" in table(said)["same"].alarms[0]


def test_too_fast_to_read_or_much_faster_than_the_others() -> None:
    said = {name: half(8) for name in ("ann", "bob", "quick", "hasty")}
    found = table(said, {"ann": 9.0, "bob": 10.0, "quick": 0.4, "hasty": 2.0})
    assert "0.4 s per item" in found["quick"].alarms[0] and "less than 1 s" in found["quick"].alarms[0]
    assert "against 9.0 s of the others" in found["hasty"].alarms[0]
    assert found["ann"].alarms == ()


def test_few_gold_items_say_nothing_and_wrong_labels_are_refused() -> None:
    wrong = [Label(item=f"g{at}", rater="ann", sensible=at % 2 == 1, specific=False) for at in range(3)]
    assert raters(JOB, wrong[:2])[0].alarms == () and raters(JOB, wrong)[0].alarms
    assert raters(JOB, []) == ()
    with pytest.raises(BadInput, match="does not have"):
        raters(JOB, [Label(item="x", rater="ann", sensible=True, specific=True)])
