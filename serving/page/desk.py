"""What each rater is shown, and what becomes of what they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from blender.errors import BadInput
from blender.labelling.campaign import Campaign
from blender.labelling.claiming import Claiming, Planned
from blender.labelling.order import generator
from blender.labelling.records import Item, Label
from blender.labelling.store import Store
from blender.labelling.tally import Tally
from blender.serving.page.raters import named
from blender.serving.page.views import Progress, Said, Shown, ShownItem, ShownLabel, ShownPage, ShownTurn


class Desk:
    """Hands out the pages of one campaign and saves labels; safe for threads.

    Args:
        campaign: what is labelled.
        store: where labels go.
        plan: pages by rater, when they were allocated beforehand; else pages go to whoever comes.
    """

    def __init__(self, campaign: Campaign, store: Store, plan: Mapping[str, Sequence[str]] | None = None) -> None:
        self.campaign = campaign
        self.store = store
        self.tally = Tally(campaign)
        store.database.read(self.tally.catch_up)
        known = self.tally.raters()
        # Who labelled as ann before the plan said Ann goes on as ann, or none of it would count as done.
        self.plan = plan and {named(name, known): pages for name, pages in plan.items()}
        self.pages = Claiming(campaign, store, self.tally) if self.plan is None else Planned(self.plan, self.tally)

    def enter(self, name: str) -> str:
        """The name a rater goes by.

        Raises:
            BadInput: it is not accepted.
        """
        self.store.database.read(self.tally.catch_up)
        return self._named(name)

    def show(self, rater: str, number: int | None = None) -> Shown:
        """The ``number``-th page of a rater; without a number, or beyond the pages given: the one to do next.

        Raises:
            BadInput: the name is not accepted.
        """
        rater = self.enter(rater)
        if number is not None:
            given = self.pages.pages(rater)
            if number < len(given):
                if given[number] not in self.tally.finished(rater):
                    self.pages.hold(given[number], rater)
                return self._shown(given[number], rater, given)
        page = self.pages.next(rater)
        return self._shown(page, rater, self.pages.pages(rater))

    def save(self, rater: str, said: Sequence[Said]) -> int:
        """Save labels and take others back, in order; the same again changes nothing. Returns how many were taken.

        Raises:
            BadInput: the name is not accepted, an item is not of this campaign, or a label contradicts itself; nothing
                was saved.
        """
        # What was said by someone whom the plan no longer names is not lost.
        rater = named(rater, [*self.tally.raters(), *(self.plan or ())], only_known=self.plan is not None)
        problems = [f"no answer {each.item!r} here" for each in said if each.item not in self.campaign.by_id]
        if problems:
            raise BadInput(problems)
        labels = {each: _label(each, rater) for each in said if not each.withdrawn}
        for withdrawn, run in groupby(said, key=lambda each: each.withdrawn):
            if withdrawn:
                for each in run:
                    self.store.withdraw(self.campaign.id, each.item, rater)
            else:
                self.store.put(self.campaign.id, [labels[each] for each in run])
        return len(said)

    def _named(self, name: str) -> str:
        known = self.tally.raters() if self.plan is None else self.plan
        return named(name, known, only_known=self.plan is not None)

    def _shown(self, page: str | None, rater: str, given: Sequence[str]) -> Shown:
        if page is None:
            return Shown(page=None, progress=self._progress(rater, given, left=0), held=self.pages.free(rater, given))
        progress = self._progress(rater, given, self.pages.left(rater, given))
        return Shown(page=self._page(page, given.index(page), rater), progress=progress, held=0)

    def _page(self, page: str, number: int, rater: str) -> ShownPage:
        said = self.tally.said(rater)
        items = self.campaign.pages[page]
        dialog = items[0].dialog
        # Each rater sees the answers in an order of their own, the same at every visit.
        shuffled = generator(self.campaign.seed, "answers", page, rater).sample(items, len(items))
        return ShownPage(
            number=number,
            locale=dialog.locale,
            facts=list(dialog.facts),
            turns=[ShownTurn(speaker=turn.speaker, text=turn.text) for turn in dialog.turns],
            items=[_shown(item, said.get(item.id)) for item in shuffled],
        )

    def _progress(self, rater: str, given: Sequence[str], left: int) -> Progress:
        work = self.tally.work(rater)
        of = len({*given, *self.tally.finished(rater)}) + left
        return Progress(
            done=work.pages, of=of, given=len(given), judged=work.judged, passed=work.passed, seconds=work.seconds
        )


def _shown(item: Item, label: Label | None) -> ShownItem:
    if label is None:
        return ShownItem(id=item.id, text=item.text, label=None)
    said = ShownLabel(sensible=label.sensible, specific=label.specific, seconds=label.seconds)
    return ShownItem(id=item.id, text=item.text, label=said)


def _label(said: Said, rater: str) -> Label:
    # What is not sensible is not specific; the page does not ask.
    specific = False if said.sensible is False and said.specific is None else said.specific
    return Label(item=said.item, rater=rater, sensible=said.sensible, specific=specific, seconds=said.seconds)
