"""Groups are never split, whatever the fold."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blender.errors import BadInput
from blender.training.crossval import grouped, inner_folds, one_family_out
from blender.training.examples import Examples
from tests.training.conftest import make_examples

EXAMPLES = make_examples(pools=60)


def groups_of(examples: Examples, pools: tuple[int, ...]) -> set[str]:
    return {examples.groups[at] for at in pools}


@settings(max_examples=40, deadline=None)
@given(names=st.lists(st.integers(0, 15), min_size=60, max_size=60).filter(lambda names: len(set(names)) >= 5))
def test_no_conversation_is_on_both_sides(names: list[int]) -> None:
    examples = replace(EXAMPLES, groups=tuple(map(str, names)))
    for folds in (grouped(examples), one_family_out(examples)):
        held_out = [at for fold in folds for at in fold.held_out]
        assert sorted(held_out) == list(range(60))
        for fold in folds:
            assert not groups_of(examples, fold.train) & groups_of(examples, fold.held_out)
            assert not set(fold.train) & set(fold.held_out)


def test_folds_do_not_depend_on_the_order_of_pools() -> None:
    back = EXAMPLES.take(range(59, -1, -1))
    ours = {frozenset(groups_of(EXAMPLES, fold.held_out)) for fold in grouped(EXAMPLES)}
    assert ours == {frozenset(groups_of(back, fold.held_out)) for fold in grouped(back)}
    assert ours != {frozenset(groups_of(EXAMPLES, fold.held_out)) for fold in grouped(EXAMPLES, seed=1)}


def test_a_family_is_nowhere_in_training_when_left_out() -> None:
    for fold in one_family_out(EXAMPLES):
        assert fold.name not in {EXAMPLES.families[at] for at in fold.train}
        assert {EXAMPLES.families[at] for at in fold.held_out} == {fold.name}


def test_a_conversation_met_in_another_family_is_not_trained_on() -> None:
    examples = replace(EXAMPLES, families=("x",) * 31 + ("y",) * 29)
    fold = one_family_out(examples)[0]
    assert 31 not in fold.train
    assert 32 in fold.train


def test_what_cannot_be_left_out_is_said() -> None:
    with pytest.raises(BadInput, match=r"these labels have one \(only\)"):
        one_family_out(replace(EXAMPLES, families=("only",) * 60))
    with pytest.raises(BadInput, match="at least 5 different conversations, the labels have 2"):
        grouped(EXAMPLES.take(range(4)))


def test_settings_are_chosen_on_families_where_there_are_three() -> None:
    assert [fold.name for fold in inner_folds(EXAMPLES)] == ["family 0", "family 1", "family 2"]
    two = replace(EXAMPLES, families=("x", "y") * 30)
    assert next(fold.name for fold in inner_folds(two)) == "part 1 of 5"
