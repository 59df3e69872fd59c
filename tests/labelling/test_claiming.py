from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from blender.labelling.campaign import Campaign
from blender.labelling.claiming import APART, HELD, Claiming, Planned
from blender.labelling.records import Gold, Item, Label
from blender.labelling.store import Store
from blender.labelling.tally import Tally
from blender.records import Dialog


class Clock:
    def __init__(self) -> None:
        self.at = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at


def job(pages: int = 4, raters: int = 2, gold: int = 0, repeated: int = 0) -> Campaign:
    dialog = Dialog.of("Hi!")
    items = [
        Item(id=f"p{n}:{at}", page=f"p{n}", dialog=dialog, text=f"{n} {at}") for n in range(pages) for at in (0, 1)
    ]
    items += [Item(id=f"g{n}:0", page=f"g{n}", dialog=dialog, text="x", gold=Gold(sensible=False)) for n in range(gold)]
    items += [Item(id=f"r{n}:0", page=f"r{n}", dialog=dialog, text="x", repeats=f"p{n}:0") for n in range(repeated)]
    return Campaign(name="try", form="pool", raters=raters, items=tuple(items), seed=5)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hand(store: Store, clock: Clock) -> Callable[[Campaign], Claiming]:
    return lambda campaign: Claiming(campaign, store, Tally(campaign), clock)


def finish(claiming: Claiming, page: str, rater: str, sensible: bool | None = True) -> None:
    said = [
        Label(item=item.id, rater=rater, sensible=sensible, specific=sensible and False)
        for item in claiming.campaign.pages[page]
    ]
    claiming.store.put(claiming.campaign.id, said)


def work(claiming: Claiming, rater: str, most: int = 10_000) -> list[str]:
    """A rater labels until nothing is left."""
    done: list[str] = []
    while len(done) < most and (page := claiming.next(rater)) is not None:
        finish(claiming, page, rater)
        done.append(page)
    return done


Hand = Callable[[Campaign], Claiming]


def test_a_rater_keeps_a_page_until_it_is_finished(hand: Hand) -> None:
    claiming = hand(job())
    first = claiming.next("ann")
    assert first is not None
    assert claiming.next("ann") == first
    store, campaign = claiming.store, claiming.campaign.id
    store.put(campaign, [Label(item=f"{first}:0", rater="ann", sensible=True, specific=True)])
    assert claiming.next("ann") == first
    finish(claiming, first, "ann")
    second = claiming.next("ann")
    assert second not in (first, None)
    assert claiming.pages("ann") == [first, second]
    store.withdraw(campaign, f"{first}:1", "ann")
    assert claiming.next("ann") == first


def test_everybody_does_every_page_once_until_it_has_its_raters(hand: Hand) -> None:
    claiming = hand(job(pages=6, raters=2))
    done = {rater: work(claiming, rater) for rater in ("ann", "bob", "eve")}
    assert sorted(done["ann"]) == sorted(done["bob"]) == [f"p{n}" for n in range(6)]
    assert done["ann"] != done["bob"]  # an order of one's own
    assert done["eve"] == []


def test_pages_with_the_fewest_raters_come_first(hand: Hand) -> None:
    claiming = hand(job(pages=6, raters=3))
    early = set(work(claiming, "ann", most=3))
    late = work(claiming, "bob", most=3)
    assert not early & set(late)


def test_a_page_before_a_rater_is_held_for_half_an_hour(hand: Hand, clock: Clock) -> None:
    claiming = hand(job(pages=1, raters=1))
    assert claiming.next("ann") == "p0"
    assert claiming.next("bob") is None
    clock.at += HELD - timedelta(seconds=1)
    assert claiming.next("ann") == "p0"  # still there: held anew
    clock.at += HELD - timedelta(seconds=1)
    assert claiming.next("bob") is None
    clock.at += timedelta(seconds=2)
    assert claiming.next("bob") == "p0"
    assert claiming.next("ann") == "p0"  # who comes back late may finish


def test_who_could_judge_nothing_takes_no_place(hand: Hand) -> None:
    claiming = hand(job(pages=1, raters=1))
    assert claiming.next("ann") == "p0"
    finish(claiming, "p0", "ann", sensible=None)
    assert claiming.next("ann") is None
    assert claiming.next("bob") == "p0"


def test_labels_that_came_by_a_sheet_count(hand: Hand) -> None:
    claiming = hand(job(pages=2, raters=1))
    finish(claiming, "p1", "sheet")
    assert work(claiming, "ann") == ["p0"]
    assert work(claiming, "sheet") == []


def test_gold_is_spread_evenly_and_not_to_be_foreseen(hand: Hand) -> None:
    claiming = hand(job(pages=20, raters=9, gold=4))
    places = {}
    for rater in ("ann", "bob", "eve"):
        done = work(claiming, rater)
        assert len(set(done)) == len(done) == 24
        gold = [at for at, page in enumerate(done) if page.startswith("g")]
        assert all(6 * part <= at < 6 * (part + 1) + 1 for part, at in enumerate(gold))
        places[rater] = tuple((at, done[at]) for at in gold)
    assert len(set(places.values())) == 3


def test_a_repetition_comes_well_after_its_original_and_to_nobody_else(hand: Hand) -> None:
    claiming = hand(job(pages=30, raters=2, repeated=10))
    done = work(claiming, "ann")
    assert sorted(done) == sorted(claiming.campaign.pages)
    gaps = [done.index(f"r{n}") - done.index(f"p{n}") for n in range(10)]
    assert min(gaps) > 1
    assert sum(gap > APART for gap in gaps) >= 6
    few = work(claiming, "bob", most=15)
    assert {page[1:] for page in few if page[0] == "r"} <= {page[1:] for page in few if page[0] == "p"}


def test_what_is_left_is_counted_as_it_will_come(hand: Hand) -> None:
    claiming = hand(job(pages=8, raters=1, gold=2, repeated=2))
    claiming.store.database.read(claiming.tally.catch_up)
    total = claiming.left("ann", [])
    assert total == 12
    for at in range(1, 12):
        page = claiming.next("ann")
        assert page is not None
        assert at + claiming.left("ann", claiming.pages("ann")) == total  # whatever the page was: gold does not show
        finish(claiming, page, "ann")
    work(claiming, "bob")


def test_the_last_free_place_goes_to_one_of_many_who_ask_at_once(hand: Hand) -> None:
    campaign = job(pages=5, raters=2)
    desks = [hand(campaign) for _ in range(12)]  # as of twelve processes: nothing is shared but the database
    with ThreadPoolExecutor(12) as pool:
        got = list(pool.map(lambda at: desks[at].next(f"r{at}"), range(12)))
    taken = [page for page in got if page is not None]
    assert sorted(taken) == sorted([f"p{n}" for n in range(5)] * 2)
    assert got.count(None) == 2


@pytest.mark.slow
def test_raters_at_once_give_every_page_exactly_its_raters(hand: Hand) -> None:
    campaign = job(pages=30, raters=3)
    shared = hand(campaign)
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda at: work(shared if at % 2 else hand(campaign), f"r{at}"), range(8)))
    counts = [sum(page in pages for pages in done) for page in campaign.pages]
    assert counts == [3] * 30
    assert max(map(len, done)) - min(map(len, done)) < 25


def test_two_tabs_of_a_rater_get_one_page(hand: Hand) -> None:
    claiming = hand(job())
    with ThreadPoolExecutor(8) as pool:
        got = set(pool.map(lambda _: claiming.next("ann"), range(8)))
    assert len(got) == 1
    assert len(claiming.pages("ann")) == 1


def test_planned_pages_come_in_order(store: Store) -> None:
    campaign = job(pages=3)
    tally = Tally(campaign)
    planned = Planned({"ann": ["p2", "p0"]}, tally)
    assert (planned.next("ann"), planned.next("bob")) == ("p2", None)
    said = [Label(item=item.id, rater="ann", sensible=False, specific=False) for item in campaign.pages["p2"]]
    store.put(campaign.id, said)
    store.database.read(tally.catch_up)
    assert planned.next("ann") == "p0"
    assert planned.pages("ann") == ["p2", "p0"]


def test_the_tally_is_what_the_database_says(store: Store) -> None:
    campaign = job(pages=3)
    tally = Tally(campaign)
    for at, (one, two) in enumerate(pairwise(campaign.items)):
        store.put(campaign.id, [Label(item=one.id, rater="ann", sensible=at % 2 == 0, specific=False, seconds=1.5)])
        store.put(campaign.id, [Label(item=two.id, rater="bob", sensible=None, specific=None)])
        if at == 0:
            store.withdraw(campaign.id, one.id, "ann")
        store.database.read(tally.catch_up)
        for rater in ("ann", "bob"):
            assert dict(tally.said(rater)) == {each.item: each for each in store.labels(campaign.id, rater)}
    assert tally.finished("ann") == {"p1"}
    assert tally.takers("p1") == {"ann"}
    assert tally.taken(1) == {"p1"}
    assert not tally.taken(2)
    assert tally.finished("bob") == {"p1", "p2"}
    assert tally.work("bob").passed == 5
    assert (tally.work("ann").judged, tally.work("ann").seconds) == (4, 6.0)
    assert tally.raters() == ["ann", "bob"]
