from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import combinations

import pytest

from blender.errors import BadInput
from blender.labelling.allocation import allocate
from blender.labelling.campaign import Campaign

RATERS = ("ann", "bob", "cat", "dan", "eve")


def kinds(campaign: Campaign) -> tuple[set[str], dict[str, str], set[str]]:
    """Ordinary pages, originals by their repetition, gold pages."""
    gold = {page for page, items in campaign.pages.items() if items[0].gold}
    again = {page: campaign.by_id[items[0].repeats].page for page, items in campaign.pages.items() if items[0].repeats}
    return set(campaign.pages) - gold - set(again), again, gold


@pytest.mark.parametrize("wanted", [1, 2, 3, 5])
def test_every_page_goes_to_as_many_raters_as_wanted_and_loads_differ_by_one(campaign: Campaign, wanted: int) -> None:
    ordinary, _, gold = kinds(campaign)
    lists = allocate(replace(campaign, raters=wanted), RATERS)
    times = Counter(page for pages in lists.values() for page in pages)
    assert {times[page] for page in ordinary} == {wanted}
    assert {times[page] for page in gold} == {len(RATERS)}
    loads = [len(ordinary & set(pages)) for pages in lists.values()]
    assert max(loads) - min(loads) <= 1
    assert all(len(set(pages)) == len(pages) for pages in lists.values())


def test_repetitions_go_to_who_has_the_original_a_third_of_the_list_later(campaign: Campaign) -> None:
    _, again, _ = kinds(campaign)
    assert again
    for pages in allocate(campaign, RATERS).values():
        assert {page for page in pages if page in again} == {page for page in again if again[page] in pages}
        for page in set(pages) & set(again):
            assert pages.index(page) - pages.index(again[page]) >= len(pages) / 3


def test_raters_are_mixed_so_that_everybody_can_be_compared() -> None:
    from blender.labelling.answers import Proposed
    from blender.labelling.making import make_campaign
    from blender.records import Dialog

    answers = [Proposed(system="s", kind="unknown", dialog=Dialog.of("Hi", id=str(at)), text="Yo") for at in range(60)]
    lists = allocate(make_campaign(answers, name="x", raters=2), RATERS)
    assert all(set(lists[one]) & set(lists[other]) for one, other in combinations(RATERS, 2))


def test_every_rater_has_an_order_of_his_own_and_names_alone_decide(campaign: Campaign) -> None:
    lists = allocate(campaign, RATERS)
    assert lists == allocate(campaign, tuple(reversed(RATERS)))
    whole = allocate(campaign, RATERS, everything=True)
    assert len({tuple(pages) for pages in whole.values()}) == len(RATERS)
    assert all(set(pages) == set(campaign.pages) for pages in whole.values())


@pytest.mark.parametrize(
    ("raters", "says"),
    [
        ([], "no rater is named"),
        (["ann"], "needs 2 raters, 1 are named"),
        (["ann", "ann"], "named twice, case aside: ann, ann"),
        (["Ann", "ann"], "named twice, case aside: Ann, ann"),
        (["caf\u00e9", "cafe\u0301"], "named twice"),
        (["ann", "b" * 201], "longer than 200 letters"),
        (["ann", " "], "name is missing"),
    ],
)
def test_wrong_raters_are_refused(campaign: Campaign, raters: list[str], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        allocate(campaign, raters)
