from __future__ import annotations

import re

import numpy as np
import pytest

from blender.errors import BadInput
from blender.features.source import SourceOf
from blender.own_columns import COLUMN_NAME
from blender.records import Candidate, Origin, Pool
from blender.roles import matrix_columns

BOTH = (Origin(source="faq", rank=0, score=None), Origin(source="my bot: v2", rank=3, score=None))
POOL = Pool.of(
    "Hi",
    [Candidate(text="a", source="faq"), Candidate(text="b", source="faq", origins=BOTH), Candidate(text="c")],
)


def test_every_source_that_proposed_an_answer_counts() -> None:
    known = SourceOf(names=("faq", "my bot: v2"))
    np.testing.assert_array_equal(known.annotate([POOL]), np.array([[1, 0], [1, 1], [0, 0]], dtype=np.float32))
    assert list(matrix_columns({"source": known})) == ["source.faq", "source.my_bot_v2"]
    assert known.columns[1].says == "proposed by my bot: v2"


def test_training_finds_the_names_in_its_pools() -> None:
    assert SourceOf.learn([POOL]) == {"names": ["faq", "given", "my bot: v2"]}


def test_one_source_is_nothing_to_know() -> None:
    with pytest.raises(BadInput, match=r"all labelled answers are of 'given'.*give the rows their 'source'"):
        SourceOf.learn([Pool.of("Hi", ["a", "b"])])


def test_names_that_no_column_can_have_stay_apart() -> None:
    names = [column.name for column in SourceOf(names=("a b", "a:b", "a_b", "a_b_", "\t", "система 1")).columns]
    assert len(set(names)) == 6
    assert all(COLUMN_NAME.fullmatch(name) for name in names)


def test_too_many_sources_are_refused_before_they_become_columns() -> None:
    with pytest.raises(BadInput, match=re.escape("can know 64 sources, got 65 (worker 0, worker 1, worker 2, ...)")):
        SourceOf(names=tuple(f"worker {at}" for at in range(65)))
