from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from blender.errors import BadInput
from blender.judging.families import FAMILIES, family_of
from blender.judging.labels import read_labels
from blender.judging.overlap import check_families, normalised, overlaps
from blender.judging.pools import LabelledPool, judged
from blender.records import Pool

LONG = "my father was a salesman , he helps my dog walking business now"


def made(dataset: str, turns: list[str], answer: str = "ok") -> LabelledPool:
    one = judged([1.0])
    return LabelledPool(
        pool=Pool.of(turns, [answer]), dataset=dataset, family=dataset, sensible=one, specific=one, overall=one
    )


def test_spacing_case_and_older_turns_do_not_hide_a_shared_context() -> None:
    one = made("one", ["older", "Nice!", LONG])
    two = made("two", ["Nice !", LONG.upper().replace(" ,", ",")])
    (found,) = overlaps([one, two])
    assert (found.contexts, found.turns, found.responses, found.of) == (1, 1, 0, 1)
    with pytest.raises(BadInput, match=r"one .*two .*share 1 contexts"):
        check_families([one, two])
    check_families([one, replace(two, family="one")])


def test_greetings_prove_nothing() -> None:
    pools = [made("one", ["Hi there!", "How are you?"]), made("two", ["Hi there!", "How are you?"])]
    assert overlaps(pools) == []
    assert normalised("Ё-моё,  HI") == "ёмоёhi"


def test_shared_responses_are_counted() -> None:
    (found,) = overlaps([made("one", ["Hi"], LONG), made("two", ["Ho"], LONG)])
    assert (found.contexts, found.responses) == (0, 1)


def test_unknown_sets_are_their_own_family() -> None:
    assert family_of("mine") == "mine" and family_of("grade", "convai2") == family_of("dstc10-persona") == "personachat"
    assert family_of("fed-turn-ru") == family_of("fed-turn")


@pytest.mark.slow
def test_no_two_families_of_the_public_sets_share_a_context(labelled: Path) -> None:
    pools = [pool for file in sorted(labelled.glob("*.jsonl")) for pool in read_labels(file)]
    assert {dataset for dataset, _ in FAMILIES} >= {pool.dataset for pool in pools}
    check_families(pools)
    shared = {(pair.first, pair.second): pair.contexts for pair in overlaps(pools)}
    assert shared["holistic-eval", "predictive-engagement"] == 27 and shared["dailydialog-gupta", "holistic-eval"] == 9
    with pytest.raises(BadInput, match="dstc10-persona"):
        check_families([replace(pool, family=pool.dataset) for pool in pools])
