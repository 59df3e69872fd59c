"""Attacks through the real guards, and how often a twin is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from blender.matrix import FeatureMatrix
from blender.ranker import LearnedRanker
from blender.records import Dialog, Pool
from blender.terms import Linear, Trees
from blender.training.robustness.attacks import ATTACKS, KEYWORDS, keywords
from blender.training.robustness.contexts import Bench, default_guards, drawn_contexts
from blender.training.robustness.twins import all_attacks, attack_lines, targets_of_attack, twin

DIALOG = Dialog.of(
    [
        "Hello! Do you like going to the mountains in summer?",
        "I do, there is a trail near my house that I walk every week.",
        "That sounds lovely. Which mountain trail would you recommend for somebody who never walked before?",
    ]
)
HONEST = "Start with the one by the lake, it is flat and short."


def blocked_by(text: str) -> set[str]:
    """Guards of the default preset that need no model."""
    pool = Pool.of(DIALOG, [text])
    nothing = FeatureMatrix(values=np.zeros((1, 0), dtype=np.float32), columns=(), group_sizes=(1,))
    guards = default_guards()
    return {name for name, guard in guards.items() if not guard.needs and guard.check([pool], nothing)[0]}


@pytest.mark.parametrize(
    ("attack", "guards"),
    [
        ("keywords of the context added", {"stuffing"}),
        ("keywords of the context alone", {"stuffing"}),
        ("last turn copied", {"echo"}),
        ("last turn copied, bent a little", {"echo"}),
        ("last turn copied, then the answer", {"echo"}),
        ("filler of 63 words added", set()),
        ("filler of 126 words added", {"too_long"}),
        ("flattery before it", set()),
        ("told to rank it first", set()),
        ("said three times", set()),
    ],
)
def test_the_default_guards_stop_what_judges_of_relevance_fall_for(attack: str, guards: set[str]) -> None:
    assert blocked_by(HONEST) == set()
    found = blocked_by(ATTACKS[attack](DIALOG, HONEST))
    assert found >= guards
    assert bool(found) == bool(guards)


def test_every_attack_changes_the_text_and_nothing_else() -> None:
    pool = Pool.of(DIALOG, ["I do not know.", HONEST, "Ask my brother."])
    for attack in ATTACKS.values():
        made = twin(pool, 1, attack)
        assert made.texts[1] != HONEST
        assert (made.texts[0], made.texts[2]) == (pool.texts[0], pool.texts[2])
        assert replace(made.candidates[1], text=HONEST) == pool.candidates[1]
        assert made.dialog == DIALOG


def test_keywords_are_long_words_of_the_last_two_turns_newest_first() -> None:
    found = keywords(DIALOG)
    assert found[:3] == ["that", "sounds", "lovely"]
    assert len(found) <= KEYWORDS
    assert all(len(word) > 3 for word in found)
    assert "summer" not in found


@pytest.mark.slow
def test_an_attack_that_works_is_found_out_and_one_that_does_nothing_gains_nothing(bench: Bench) -> None:
    open_bench = replace(bench, guards={})
    found = all_attacks(
        open_bench,
        {
            "copy": lambda dialog, honest: f"{dialog.last} {honest}",  # the labels reward words of the turn
            "nothing": lambda dialog, honest: honest,  # noqa: ARG005
            "empty": lambda dialog, honest: ".",  # noqa: ARG005
        },
        contexts=40,
    )
    assert found["nothing"].gain.value == 0
    assert found["nothing"].held
    assert found["nothing"].turned.value == 0
    assert found["nothing"].length_free.value == 0
    assert found["copy"].gain.value > 0.1
    assert not found["copy"].held
    assert found["copy"].contexts == 80
    assert found["copy"].honest.value == pytest.approx(1 - found["copy"].losers / 80)
    assert "**does not hold**" in attack_lines(found)[2]
    guarded = all_attacks(bench, {"copy": lambda dialog, honest: f"{dialog.last} {honest}"}, contexts=40)["copy"]
    assert guarded.blocked > 0.9
    assert guarded.unguarded == found["copy"].gain
    assert guarded.held


def test_who_is_attacked_is_drawn_by_the_context_and_the_seed_alone(bench: Bench) -> None:
    pools = drawn_contexts(bench.prepared, 30, bench.seed)
    assert targets_of_attack(bench, pools) == targets_of_attack(bench, pools[::-1])[::-1]
    assert targets_of_attack(bench, pools) != targets_of_attack(replace(bench, seed=1), pools)
    assert set(targets_of_attack(bench, pools)) == set(range(5))


def test_with_length_free_a_longer_twin_gains_less(bench: Bench) -> None:
    long = LearnedRanker(
        columns=("length.words",),
        linear=Linear(columns=("length.words~z",), weights=np.ones(1, dtype=np.float32)),
        order=Trees(columns=(), texts=()),
        length_taste=1.0,
    )
    liking = replace(bench, found=replace(bench.found, rankers=dict.fromkeys(("one", "two"), long)), guards={})
    found = all_attacks(liking, {"filler": ATTACKS["filler of 20 words added"]}, contexts=40)["filler"]
    assert found.gain.value > 0.5
    assert found.length_free.value < found.gain.value - 0.2


@dataclass(frozen=True, kw_only=True)
class NoZ:
    """Blocks what holds a z."""

    needs: tuple[str, ...] = ()

    def check(self, pools: Sequence[Pool], matrix: FeatureMatrix) -> list[str | None]:
        return ["z" if "z" in text else None for pool in pools for text in pool.texts]


def _with_z(_dialog: Dialog, honest: str) -> str:
    return f"{honest} z"


def test_a_twin_that_a_guard_blocks_is_not_measured_and_never_chosen(bench: Bench) -> None:
    class Refusing(Bench):
        def annotate(self, pools: Sequence[Pool]) -> FeatureMatrix:
            raise AssertionError(f"{len(pools)} blocked pools were measured")

    fields = {name: getattr(bench, name) for name in ("prepared", "found", "cache", "seed")}
    (one,) = all_attacks(Refusing(**fields, guards={"no z": NoZ()}), {"z": _with_z}, contexts=10).values()
    assert (one.blocked, one.attacked.value, one.turned.value) == (1, 0, 0)
    assert one.gain.value == -one.honest.value
