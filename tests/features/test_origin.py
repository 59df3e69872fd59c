from __future__ import annotations

import numpy as np

from blender.features.origin import OriginOf
from blender.records import Candidate, Origin, Pool


def test_reads_rank_score_and_kind() -> None:
    pool = Pool.of(
        "How are you?",
        [
            Candidate(text="Fine.", kind="retrieval", rank=3, score=0.5, matched="How are you?"),
            Candidate(text="Fine!", kind="generator", rank=1),
            Candidate(text="Good.", matched=None),
        ],
    )
    nan = np.nan
    expected = [[3, 0.5, 1, 0, 1, 1], [1, nan, 1, 1, 0, nan], [0, nan, 1, nan, nan, nan]]
    np.testing.assert_array_equal(OriginOf().annotate([pool]), np.array(expected, dtype=np.float32))


def test_two_sources_give_the_best_rank_and_count_two() -> None:
    origins = (Origin(source="a", rank=4, score=None), Origin(source="b", rank=1, score=2.0))
    values = OriginOf().annotate([Pool.of("Hi", [Candidate(text="Hello", rank=4, origins=origins)])])
    assert values[0, 0] == 1
    assert values[0, 2] == 2


def test_the_same_source_twice_is_one_source() -> None:
    origins = (Origin(source="a", rank=0, score=None), Origin(source="a", rank=1, score=None))
    assert OriginOf().annotate([Pool.of("Hi", [Candidate(text="Hello", origins=origins)])])[0, 2] == 1
