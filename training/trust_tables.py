"""Tables about trust in markdown: probabilities, abstaining, and what is promised of other data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from blender.judging.resampling import Interval
from blender.training.probabilities import Table, Trusted
from blender.training.selective import MIXED, OURS, SUM, Elsewhere, Kept, KeptTable


def own_lines(table: Table) -> Iterator[str]:
    """Probabilities learnt from a set's own labels."""
    yield (
        "| set, label | candidates (conversations) | error, debiased | error, plain (floor) | Brier below base rate's "
        "| bars |"
    )
    yield "|---|---|---|---|---|---|"
    for (dataset, label), one in table.items():
        yield _row(
            f"{dataset}, {label}",
            _size(one),
            f"{one.debiased:.3f}",
            f"{one.plain['calibration_error']:.3f} ({one.plain['noise_floor']:.3f})",
            _percents(one.skill),
            _met(one),
        )


def left_out_lines(table: Table) -> Iterator[str]:
    """Probabilities on sets never seen, before and after some labels of them."""
    yield (
        "| set, label | candidates (conversations) | error before: debiased, plain (floor) | Brier below base rate's, "
        "before | labels | error after, debiased | Brier below base rate's, after | bars |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    for (dataset, label), one in table.items():
        after = one.recalibrated
        if after is None:
            continue
        yield _row(
            f"{dataset}, {label}",
            _size(one),
            f"{one.debiased:.3f}, {one.plain['calibration_error']:.3f} ({one.plain['noise_floor']:.3f})",
            _percents(one.skill),
            f"{after.labels:.0f}",
            f"{after.debiased.value:.3f} ({after.debiased.low:.3f} to {after.debiased.high:.3f})",
            _percents(after.skill),
            _met(one),
        )


def kept_lines(table: KeptTable) -> Iterator[str]:
    """How the promise was kept, and what it left to answer."""
    yield (
        "| set (contexts) | r | something certified | splits over r: other half, whole set | answered | of these not "
        "sensible | answered by the plain sum | by the plain sum of our winner | labels that might do |"
    )
    yield "|---|---|---|---|---|---|---|---|---|"
    for dataset, by_policy in table.items():
        for ours, plain, mixed in zip(by_policy[OURS], by_policy[SUM], by_policy[MIXED], strict=True):
            if not (ours.labels_needed or ours.certified or plain.certified or mixed.certified):
                continue  # the sentence below the table names these
            yield _row(
                f"{dataset} ({ours.contexts})",
                f"{ours.risk:.0%}",
                f"{ours.certified:.1%}",
                f"{ours.exceeding:.1%}, {ours.exceeding_whole:.1%}",
                _percents(ours.answered),
                _share(ours.bad),
                _beside(plain),
                _beside(mixed),
                str(ours.labels_needed or "-"),
            )


def elsewhere_lines(found: Sequence[Elsewhere]) -> Iterator[str]:
    """What a family's certificate does on the others."""
    names = list(dict.fromkeys(name for one in found for name in one.sets))
    yield "| r | certified on (contexts) | min_sensible | " + " | ".join(names) + " |"
    yield "|---|---|---|" + "---|" * len(names)
    for one in found:
        cells = [_outcome(one.sets[name]) if name in one.sets else "its own" for name in names]
        yield _row(f"{one.risk:.0%}", f"{one.family} ({one.labels})", f"{one.threshold:g}", *cells)


def kept_sentences(table: KeptTable, where: str) -> Iterator[str]:
    """Plain words on the bars of abstaining."""
    cells = [(name, ours, plain) for name, by in table.items() for ours, plain in zip(by[OURS], by[SUM], strict=True)]
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


def bar_sentence(table: Table, where: str) -> str:
    """Plain words on the bars of the probabilities."""
    missed = [f"P({label}) on {dataset}" for (dataset, label), one in table.items() if not one.met]
    return (
        f"{where}: both bars met by {len(table) - len(missed)} of {len(table)}; missed: {'; '.join(missed) or 'none'}."
    )


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


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
