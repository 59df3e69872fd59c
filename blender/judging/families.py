"""Families of labelled sets: those that share material are left out of training together, never one at a time.

Which public sets belong together was measured (`blender.judging.overlap`): distinct contexts (last two turns) that two
sets share are, among others, holistic-eval and predictive-engagement 27, dstc10-persona and grade's convai2 16,
dailydialog-gupta and holistic-eval 9, persona-zhao and grade's convai2 4; adv-gen-retrieval and dailydialogpp share
2 contexts and some 20 turns with the other DailyDialog sets. Between the families below nothing is shared but
greetings and phrases of a few words; `check_families` fails a run where that is no longer so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from blender.judging.pools import LabelledPool

# (data set, corpus within it or None) to family.
FAMILIES: dict[tuple[str, str | None], str] = {
    ("dailydialog-gupta", None): "dailydialog",
    ("dailydialogpp", None): "dailydialog",
    ("holistic-eval", None): "dailydialog",
    ("predictive-engagement", None): "dailydialog",
    ("adv-gen-retrieval", None): "dailydialog",
    ("grade", "dailydialog_EVAL"): "dailydialog",
    ("dstc10-persona", None): "personachat",
    ("usr-personachat", None): "personachat",
    ("usr-personachat-ru", None): "personachat",
    ("persona-zhao", None): "personachat",
    ("grade", "convai2"): "personachat",
    ("grade", "empatheticdialogues"): "empathetic",
    ("dstc7", None): "dstc7",
    ("fed-turn", None): "fed",
    ("fed-turn-ru", None): "fed",
    ("chateval-esl", None): "chateval-esl",
    ("chateval-ncm", None): "chateval-ncm",
    ("conture", None): "conture",
    ("humod", None): "humod",
}


def family_of(dataset: str, corpus: str | None = None) -> str:
    """The family of a data set (and of a corpus within it); a set nobody knows is a family of its own."""
    return FAMILIES.get((dataset, corpus)) or FAMILIES.get((dataset, None)) or dataset


def seen_in_training(labelled: Sequence[LabelledPool], trained_on: Iterable[str]) -> tuple[str, ...]:
    """The families of these pools that a ranker saw.

    Args:
        labelled: the pools to be judged.
        trained_on: names of the label files the ranker was trained on.
    """
    sets = {Path(name).stem for name in trained_on}
    seen = {family for (dataset, _), family in FAMILIES.items() if dataset in sets} | {family_of(each) for each in sets}
    return tuple(sorted(seen & {each.family for each in labelled}))
