"""How far a labelling job is, how far raters agree, and how each of them does, as tables."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from blender.errors import BadInput
from blender.judging.agreement import agreements
from blender.judging.resampling import Interval
from blender.labelling.aggregate import labelled_pools
from blender.labelling.campaign import Campaign
from blender.labelling.raters import Rater, raters
from blender.labelling.records import Label
from blender.serving.terminal import shown


def print_status(console: Console, campaign: Campaign, labels: Sequence[Label]) -> None:
    """Print progress and, once there are labels, agreement and a row a rater.

    Raises:
        BadInput: labels do not belong to the campaign.
    """
    _print_progress(console, campaign, labels)
    if any(label.judged for label in labels):
        _print_agreement(console, campaign, labels)
        _print_raters(console, raters(campaign, labels), sum(map(len, campaign.pages.values())))


def _print_progress(console: Console, campaign: Campaign, labels: Sequence[Label]) -> None:
    scored = [item for item in campaign.items if item.scored]
    asked = [item for item in scored if not item.empty]
    times = Counter(label.item for label in labels if label.judged)
    by_count = Counter(min(times[item.id], campaign.raters) for item in asked)
    given, wanted = sum(count * items for count, items in by_count.items()), campaign.raters * len(asked)
    share = f" ({given / wanted:.0%})" if wanted else ""
    gold = sum(item.gold is not None for item in campaign.items)
    again = sum(item.repeats is not None for item in campaign.items)
    console.print(shown(f"{campaign.name}: {given:,} of {wanted:,} labels wanted{share}"), soft_wrap=True)
    console.print(
        f"  {len(campaign.pages):,} pages: {len(asked):,} answers to judge, {campaign.raters} raters each; "
        f"{gold:,} gold, {again:,} shown again",
        soft_wrap=True,
    )
    if len(scored) > len(asked):
        console.print(
            f"  empty answers, not sensible without asking anybody: {len(scored) - len(asked):,}", soft_wrap=True
        )
    counts = ", ".join(f"{by_count[count]:,} with {count}" for count in range(campaign.raters + 1) if by_count[count])
    console.print(f"  answers by labels: {counts or 'none'}", soft_wrap=True)


def _print_agreement(console: Console, campaign: Campaign, labels: Sequence[Label]) -> None:
    try:
        found = agreements(labelled_pools(campaign, labels))
    except BadInput as fault:
        console.print(shown(f"Agreement: not known, {fault}"), soft_wrap=True)
        return
    if not found:
        console.print("Agreement: not known yet, no answer has labels of two raters")
        return
    table = Table(box=box.SIMPLE_HEAD, title="Agreement, with 95 % intervals", title_justify="left")
    table.add_column("question")
    for head in ("alpha", "same", "reliability", "answers", "labels"):
        table.add_column(head, justify="right")
    for each in found:
        cells = (_interval(each.nominal), _share(each.same), _interval(each.reliability))
        table.add_row(each.question, *cells, f"{each.answers:,}", f"{each.ratings:,}")
    console.print(table)
    console.print(
        "alpha = Krippendorff's, 1 is perfect, 0 is chance; same = pairs of labels that are equal; reliability = of "
        "the mean of as many labels as an answer has; answers with one label are left out",
        soft_wrap=True,
        style="dim",
    )


def _print_raters(console: Console, found: Sequence[Rater], items: int) -> None:
    title = f"Raters; the job has {items:,} items"
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False, padding=0)
    table.add_column("rater", overflow="fold", min_width=8)
    heads = ("labels", "passed", "gold", "again", "others", "kappa", "sensi-\nble", "speci-\nfic", "s an\nitem")
    for head in heads:  # so that 80 columns do: what does not fit would be left out
        table.add_column(head, justify="right", no_wrap=True)
    for each in found:
        table.add_row(
            shown(each.rater),
            f"{each.labels:,}",
            f"{each.skipped:,}",
            _share(each.gold, each.gold_items),
            _share(each.repeats, each.repeated),
            _share(each.others),
            _number(each.kappa),
            _share(each.sensible),
            _share(each.specific),
            "·" if math.isnan(each.seconds) else f"{each.seconds:.1f}",
        )
    console.print(table)
    for each in found:
        for alarm in each.alarms:
            console.print(shown(f"look at {each.rater}: {alarm}"), soft_wrap=True)
    console.print(
        "passed = could not judge; gold = gold answers right; again = judged as before when shown again; others, "
        "kappa = agreement on sensible with the majority of the others; in brackets how many; · = not known",
        soft_wrap=True,
        style="dim",
    )


def _interval(interval: Interval) -> str:
    if math.isnan(interval.value):
        return "·"
    return f"{interval.value:.2f} ({_number(interval.low)} to {_number(interval.high)})"


def _share(value: float, count: int | None = None) -> str:
    if math.isnan(value):
        return "·"
    return f"{value:.0%}" if count is None else f"{value:.0%} ({count:,})"


def _number(value: float) -> str:
    return "·" if math.isnan(value) else f"{value:.2f}"
