"""Tables about trust in markdown: probabilities, abstaining, and what is promised of other data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from blender.judging.resampling import Interval
from blender.training.probabilities import Table, Trusted
from blender.training.report import table
from blender.training.selective import MIXED, OURS, SUM, Elsewhere, Kept, KeptTable

_SIZE, _BRIER = "candidates (conversations)", "Brier below base rate's"


def own_lines(found: Table) -> list[str]:
    """Probabilities learnt from a set's own labels."""
    head = ["set, label", _SIZE, "error, debiased", "error, plain (floor)", _BRIER, "bars"]
    rows = [
        [f"{dataset}, {label}", _size(one), f"{one.debiased:.3f}", _error(one), _percents(one.skill), _met(one)]
        for (dataset, label), one in found.items()
    ]
    return table(head, rows)


def left_out_lines(found: Table) -> list[str]:
    """Probabilities on sets never seen, before and after some labels of them."""
    head = ["set, label", _SIZE, "error before: debiased, plain (floor)", f"{_BRIER}, before", "labels"]
    rows = [
        [
            f"{dataset}, {label}",
            _size(one),
            f"{one.debiased:.3f}, {_error(one)}",
            _percents(one.skill),
            f"{one.recalibrated.labels:.0f}",
            one.recalibrated.debiased.shown(3, scale=1),
            _percents(one.recalibrated.skill),
            _met(one),
        ]
        for (dataset, label), one in found.items()
        if one.recalibrated is not None
    ]
    return table([*head, "error after, debiased", f"{_BRIER}, after", "bars"], rows)


def kept_lines(found: KeptTable) -> list[str]:
    """How the promise was kept, and what it left to answer."""
    head = ["set (contexts)", "r", "something certified", "splits over r: other half, whole set", "answered"]
    head += ["of these not sensible", "answered by the plain sum", "by the plain sum of our winner"]
    rows = [
        [
            f"{dataset} ({ours.contexts})",
            f"{ours.risk:.0%}",
            f"{ours.certified:.1%}",
            f"{ours.exceeding:.1%}, {ours.exceeding_whole:.1%}",
            _percents(ours.answered),
            _share(ours.bad),
            _beside(plain),
            _beside(mixed),
            ours.labels_needed or "-",
        ]
        for dataset, by_policy in found.items()
        for ours, plain, mixed in zip(by_policy[OURS], by_policy[SUM], by_policy[MIXED], strict=True)
        # The sentence below the table names the others.
        if ours.labels_needed or ours.certified or plain.certified or mixed.certified
    ]
    return table([*head, "labels that might do"], rows)


def elsewhere_lines(found: Sequence[Elsewhere]) -> list[str]:
    """What a family's certificate does on the others."""
    names = list(dict.fromkeys(name for one in found for name in one.sets))
    rows = []
    for one in found:
        cells = [_outcome(one.sets[name]) if name in one.sets else "its own" for name in names]
        rows.append([f"{one.risk:.0%}", f"{one.family} ({one.labels})", f"{one.threshold:g}", *cells])
    return table(["r", "certified on (contexts)", "min_sensible", *names], rows)


def kept_sentences(found: KeptTable, where: str) -> Iterator[str]:
    """Plain words on the bars of abstaining."""
    cells = [(name, ours, plain) for name, by in found.items() for ours, plain in zip(by[OURS], by[SUM], strict=True)]
    over = [f"{name} at r = {ours.risk:.0%} ({ours.exceeding:.1%})" for name, ours, _ in cells if ours.exceeding > 0.1]
    some = [(name, ours, plain) for name, ours, plain in cells if max(ours.answered.value, plain.answered.value) > 0]
    behind = [
        f"{name} at r = {ours.risk:.0%} ({ours.answered.value:.1%} against {plain.answered.value:.1%})"
        for name, ours, plain in some
        if ours.answered.value <= plain.answered.value
    ]
    never = [f"{name} at r = {ours.risk:.0%}" for name, ours, _ in cells if ours.certified == 0]
    yield (
        f"{where}: more than r on the other half in over 10 % of the splits: {'; '.join(over) or 'nowhere'}. "
        f"Of {len(cells)} cases (sets times r) {len(some)} have an answer by either way; there P(sensible) lets more "
        f"be answered than the plain sum in {len(some) - len(behind)}, not in: {'; '.join(behind) or 'none'}. "
        f"Nothing could be certified in any split: {'; '.join(never) or 'nowhere'}."
    )


def bar_sentence(found: Table, where: str) -> str:
    """Plain words on the bars of the probabilities."""
    missed = [f"P({label}) on {dataset}" for (dataset, label), one in found.items() if not one.met]
    return (
        f"{where}: both bars met by {len(found) - len(missed)} of {len(found)}; missed: {'; '.join(missed) or 'none'}."
    )


def _error(one: Trusted) -> str:
    return f"{one.plain['calibration_error']:.3f} ({one.plain['noise_floor']:.3f})"


def _size(one: Trusted) -> str:
    return f"{one.plain['rows']:,} ({one.conversations:,})"


def _met(one: Trusted) -> str:
    return "met" if one.met else "**missed**"


def _percents(interval: Interval) -> str:
    return f"{100 * interval.value:.0f} % ({100 * interval.low:.0f} to {100 * interval.high:.0f})"


def _share(value: float) -> str:
    return "-" if value != value else f"{value:.1%}"


def _beside(one: Kept) -> str:
    return f"{one.answered.value:.0%} (certified {one.certified:.1%}, over r {one.exceeding:.1%})"


def _outcome(outcome: tuple[int, float, float]) -> str:
    contexts, answered, bad = outcome
    return f"{answered:.0%} of {contexts} answered, {_share(bad)} bad"
