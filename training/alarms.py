"""Leaks and faults of what a ranker is trained and judged on, set by set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from blender.judging.alarms import Alarm, alarms
from blender.training.crossval import grouped
from blender.training.examples import Examples, once
from blender.training.outer import OutOfFold, judged_sets
from blender.training.prepare import Prepared

SPLIT = "all sets"
COLUMN_KINDS = {  # the same few columns raise these in set after set: one line for each kind says it
    "inverted": "raters prefer the contrary of what the column declares to be better",
    "missing": "unknown for nearly all candidates",
    "saturated": "nearly all candidates are at one end of the scale",
    "constant": "the same for every candidate",
}


def training_alarms(prepared: Prepared, found: OutOfFold) -> dict[str, tuple[Alarm, ...]]:
    """By data set, and under `SPLIT` what stands on both sides of the split; only names with an alarm.

    The score looked at is the out-of-fold one: what the ranker says of sets (or folds) that it did not see.
    """
    examples = prepared.examples
    seen = once(examples.views)
    raised = {}
    for dataset in dict.fromkeys(examples.datasets):
        own = [at for at in seen if examples.datasets[at] == dataset]
        raised[dataset] = alarms(
            [prepared.labelled[at] for at in own],
            examples.take(own).matrix.ordinary(),
            directions=prepared.directions,
            scores=found.value[examples.rows(own)] if dataset in judged_sets(examples) else None,
        )
    sides = _sides(examples)
    split = alarms([prepared.labelled[at] for at in seen], split=[sides[at] for at in seen])
    raised[SPLIT] = tuple(alarm for alarm in split if alarm.kind == "split")
    return {name: some for name, some in raised.items() if some}


def lines(raised: Mapping[str, Sequence[Alarm]]) -> Iterator[str]:
    """Markdown for the card."""
    yield "## Alarms"
    yield ""
    if not raised:
        yield "None: source, length and place do not explain the scores, and no annotator is stuck, silent or inverted."
    for name, some in raised.items():
        for alarm in some:
            if "column" not in alarm.evidence:
                yield f"- {name}, {alarm.severity}: {alarm.what}"
    for kind, told in COLUMN_KINDS.items():
        if found := _columns(raised, kind):
            yield f"- {told}: " + "; ".join(f"{column} ({', '.join(names)})" for column, names in found.items()) + "."
    yield ""


def _columns(raised: Mapping[str, Sequence[Alarm]], kind: str) -> dict[str, list[str]]:
    """Data sets in which a column has this fault, by column."""
    found: dict[str, list[str]] = {}
    for name, some in raised.items():
        for alarm in some:
            if alarm.kind == kind and "column" in alarm.evidence:
                found.setdefault(str(alarm.evidence["column"]), []).append(name)
    return found


def _sides(examples: Examples) -> tuple[str, ...]:
    """What is left out together: the family, or, of one family, the part of its conversations."""
    if len(set(examples.families)) > 1:
        return examples.families
    part = {at: fold.name for fold in grouped(examples) for at in fold.held_out}
    return tuple(part[at] for at in range(len(examples)))
