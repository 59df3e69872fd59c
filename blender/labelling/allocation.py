"""Who labels what: each page goes to as many raters as are wanted, loads are equal, every rater has an own order."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from blender.errors import BadInput
from blender.labelling.campaign import Campaign
from blender.labelling.order import generator, woven
from blender.labelling.sheets.checking import wrong_rater


def allocate(campaign: Campaign, raters: Sequence[str], *, everything: bool = False) -> dict[str, list[str]]:
    """Share the pages of a campaign out.

    Each ordinary page goes to exactly ``campaign.raters`` raters, those with the fewest pages so far (ties by seed), so
    that loads differ by one page at most and any two raters come to share pages. Repetitions go to everybody who has
    the original, half a list after it; gold pages to all. The same names give the same lists, in whatever order they
    are given.

    Args:
        campaign: what is to be labelled.
        raters: names of all of them.
        everything: give every page to every rater instead.

    Returns:
        Page ids by rater, in the order they are shown.

    Raises:
        BadInput: a name is empty, too long or comes twice (case aside), or there are fewer raters than each item needs.
    """
    _check(campaign, raters, everything)
    wanted = len(raters) if everything else campaign.raters
    names = sorted(raters)
    own: dict[str, list[str]] = {name: [] for name in raters}
    random = generator(campaign.seed, "allocation")
    for page in random.sample(campaign.ordinary, len(campaign.ordinary)):
        for name in sorted(names, key=lambda name: (len(own[name]), random.random()))[:wanted]:
            own[name].append(page)
    return {
        name: woven(
            pages,
            {page: campaign.repeats[page] for page in pages if page in campaign.repeats},
            campaign.golden,
            generator(campaign.seed, "rater", name),
        )
        for name, pages in own.items()
    }


def _one(name: str) -> str:
    """The same for all names that stand for one rater when labels come back."""
    return unicodedata.normalize("NFC", name).casefold()


def _check(campaign: Campaign, raters: Sequence[str], everything: bool) -> None:
    problems = []
    if not raters:
        problems.append("no rater is named; give --rater NAME for each of them")
    for name in raters:
        problems += wrong_rater(name.strip())
    same = [_one(name) for name in raters]
    twice = [name for name, key in zip(raters, same, strict=True) if same.count(key) > 1]
    if twice:
        problems.append(f"raters named twice, case aside: {', '.join(twice)}; two people need two names")
    if raters and not everything and len(set(raters)) < campaign.raters:
        problems.append(
            f"each item needs {campaign.raters} raters, {len(set(raters))} are named; name more, or give every page to "
            "every rater with --everything"
        )
    if problems:
        raise BadInput(problems)
