from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from blender.errors import BadInput
from blender.labelling.aggregate import label_rows
from blender.labelling.answers import Proposed, read_pools
from blender.labelling.campaign import Campaign
from blender.labelling.gold import GoldAnswer, read_gold
from blender.labelling.making import make_campaign
from blender.labelling.records import Form, Gold, Label
from blender.records import Dialog

SYSTEMS = ("alpha", "beta", "gamma")


def answer(system: str, dialog: str, text: str) -> Proposed:
    turns = [f"Hello from {dialog}!", "Hi.", f"What about {dialog}?"]
    return Proposed(
        system=system, kind="generator", dialog=Dialog.of(turns, id=dialog), text=text, slices={"cluster": dialog[-1]}
    )


def answers(contexts: int = 12) -> list[Proposed]:
    return [answer(system, f"d{at}", f"{system} says {at}.") for at in range(contexts) for system in SYSTEMS]


def gold_answers(count: int = 4) -> list[GoldAnswer]:
    return [
        GoldAnswer(dialog=Dialog.of(f"Gold {at // 2}?", id=f"gold-{at // 2}"), text=f"{at}", gold=Gold(sensible=True))
        for at in range(count)
    ]


@pytest.fixture
def campaign(form: Form) -> Campaign:
    return make_campaign(answers(), name="x", form=form, gold=gold_answers(), gold_every=6, repeat=0.2, seed=7)


def test_every_answer_of_every_system_is_one_scored_item(campaign: Campaign) -> None:
    scored = [(item.dialog.id, system, item.text) for item in campaign.items if item.scored for system in item.systems]
    assert sorted(scored) == sorted((each.dialog.id, each.system, each.text) for each in answers())
    assert all(item.slices == {"cluster": item.dialog.id[-1]} for item in campaign.items if item.scored)


def test_pages_hold_one_answer_or_all_to_one_context(campaign: Campaign, form: Form) -> None:
    sizes = Counter(len(items) for items in campaign.pages.values() if items[0].scored)
    assert sizes == ({3: 12} if form == "pool" else {1: 36})
    assert all(len({item.dialog.id for item in items}) == 1 for items in campaign.pages.values())


def test_ids_tell_nothing_of_system_gold_or_repetition(campaign: Campaign) -> None:
    assert all(re.fullmatch(r"i[0-9a-f]{15} p[0-9a-f]{15}", f"{item.id} {item.page}") for item in campaign.items)
    assert len({item.id for item in campaign.items}) == len(campaign.items)


def test_the_place_on_a_page_tells_nothing_of_the_system() -> None:
    made = make_campaign(answers(300), name="x", form="pool", seed=1)
    first = Counter(items[0].systems[0] for items in made.pages.values())
    assert set(first) == set(SYSTEMS)
    assert all(70 < count < 130 for count in first.values())


def test_pages_are_shuffled_and_the_seed_decides(form: Form) -> None:
    def order(seed: int) -> list[str]:
        made = make_campaign(answers(), name="x", form=form, seed=seed, gold=gold_answers(), repeat=0.1)
        return [f"{item.dialog.id} {item.text}" for item in made.items]

    assert order(1) == order(1) != order(2)
    assert order(1) != sorted(order(1))


def test_the_same_text_by_two_systems_is_judged_once() -> None:
    given = [answer("a", "d1", "Same."), answer("b", "d1", "Same."), answer("b", "d2", "Same.")]
    made = make_campaign(given, name="x")
    assert {(item.dialog.id, item.systems) for item in made.items} == {("d1", ("a", "b")), ("d2", ("b",))}


def test_an_empty_answer_is_kept_and_nobody_is_asked(form: Form) -> None:
    made = make_campaign(
        [answer("a", "d1", "Yes."), answer("b", "d1", " \n"), answer("b", "d2", "")], name="x", form=form
    )
    assert len(made.items) == 3
    assert [[item.text for item in items] for items in made.pages.values()] == [["Yes."]]
    assert sum(item.empty for item in made.items) == 2


def test_repetitions_are_in_number_and_far_from_the_originals(campaign: Campaign, form: Form) -> None:
    place = {page: at for at, page in enumerate(campaign.pages)}
    again = [item for item in campaign.items if item.repeats is not None]
    assert len({item.page for item in again}) == round(0.2 * (12 if form == "pool" else 36))
    for item in again:
        original = campaign.by_id[item.repeats or ""]
        assert (original.dialog, original.text, original.systems) == (item.dialog, item.text, item.systems)
        assert place[item.page] - place[original.page] >= len(place) / 3


def test_gold_is_spread_evenly_and_its_number_is_bounded(form: Form) -> None:
    made = make_campaign(answers(36), name="x", form=form, gold=gold_answers(40), gold_every=10, seed=3)
    places = [at for at, items in enumerate(made.pages.values()) if items[0].gold is not None]
    ordinary = 36 if form == "pool" else 108
    assert len(places) == round(ordinary / 9)
    stretch = (ordinary + len(places)) / len(places)
    assert all(0 < later - earlier < 2 * stretch for earlier, later in pairwise(places))


def test_gold_answers_to_one_context_share_a_page_in_pool_form() -> None:
    made = make_campaign(answers(), name="x", form="pool", gold=gold_answers(4), gold_every=2)
    assert sorted(len(items) for items in made.pages.values() if items[0].gold) == [2, 2]


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ({"repeat": 0.6}, r"0\.\.0\.5, got 0\.6"),
        ({"repeat": float("nan")}, "got nan"),
        ({"gold_every": 1}, "one page in 2 or more"),
        ({"raters": 0}, "at least 1 rater"),
    ],
)
def test_settings_out_of_range_are_refused(setting: dict[str, float], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        make_campaign(answers(), name="x", **setting)  # type: ignore[arg-type]


def test_a_dialog_id_of_two_contexts_is_refused() -> None:
    others = [
        Proposed(system=system, kind="unknown", dialog=Dialog.of(turn, id="d1"), text="x")
        for system, turn in (("b", "Something else?"), ("c", "And yet another?"))
    ]
    with pytest.raises(BadInput, match="'d1' names two contexts") as told:
        make_campaign([answer("a", "d1", "x"), *others], name="x")
    assert len(told.value.problems) == 1


def test_nothing_to_label_is_refused() -> None:
    with pytest.raises(BadInput, match="no answers"):
        make_campaign([], name="x")


def test_pools_are_read_with_their_sources_as_systems(tmp_path: Path) -> None:
    path = tmp_path / "pools.jsonl"
    path.write_text(json.dumps({"id": "d", "turns": ["Hi"], "candidates": [{"text": "Yo", "source": "me"}, "Hey"]}))
    assert [(each.system, each.text) for each in read_pools(path)] == [("me", "Yo"), ("given", "Hey")]


def test_what_a_source_said_of_its_answer_reaches_the_labels_and_no_digest(tmp_path: Path) -> None:
    path = tmp_path / "pools.jsonl"
    known = {"rank": 2, "score": 0.75, "matched": "Hey"}
    both = [{"text": "Yo", "source": "me", **known}, {"text": "Yo", "source": "you"}]
    path.write_text(json.dumps({"id": "d", "turns": ["Hi"], "candidates": both}))
    campaign = make_campaign(read_pools(path), name="x")
    campaign.save(tmp_path)
    label = Label(item=campaign.items[0].id, rater="r", sensible=True, specific=True)
    rows = label_rows(Campaign.load(tmp_path), [label])
    assert [(row.source, row.rank, row.score, row.matched) for row in rows] == [
        ("me", 2, 0.75, "Hey"), ("you", 1, None, None),
    ]  # fmt: skip
    bare = make_campaign([replace(each, brought=None) for each in read_pools(path)], name="x")
    assert bare.id == campaign.id and not bare.items[0].brought


def test_pools_without_candidates_are_refused_by_line(tmp_path: Path) -> None:
    path = tmp_path / "pools.jsonl"
    path.write_text('{"turns": ["Hi"], "candidates": ["Yo"]}\n{"turns": ["Hi"]}\nnope\n')
    with pytest.raises(BadInput, match="line 2: candidates are missing") as told:
        read_pools(path)
    assert len(told.value.problems) == 2


def test_gold_is_read_and_every_bad_line_told(tmp_path: Path) -> None:
    path = tmp_path / "gold.jsonl"
    rows = [
        {"context": ["Hi"], "response": "Hello", "sensible": 1, "specific": 0},
        {"context": ["Hi"], "response": "Lamp", "sensible": False},
    ]
    path.write_text("\ufeff" + "\n".join(map(json.dumps, rows)), encoding="utf-8")
    first, second = read_gold(path)
    assert (first.gold.sensible, first.gold.specific, second.gold.specific) == (True, False, None)
    assert first.dialog.id == second.dialog.id

    bad = [
        rows[0],
        {**rows[0], "sensible": 2},
        {**rows[0], "sensible": 0, "specific": 1},
        {**rows[0], "response": " "},
        {**rows[0], "context": []},
        {**rows[0], "colour": 1},
        rows[0],
    ]
    path.write_text("\n".join(map(json.dumps, bad)))
    with pytest.raises(BadInput) as told:
        read_gold(path)
    for problem, (line, says) in zip(
        told.value.problems,
        [
            (2, "sensible must be 0 or 1"),
            (3, "not sensible is not specific"),
            (4, "response is empty"),
            (5, "at least one turn"),
            (6, "unknown field"),
            (7, "stands on line 1 already"),
        ],
        strict=True,
    ):
        assert f"line {line}: " in problem
        assert says in problem
