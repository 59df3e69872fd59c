from __future__ import annotations

import numpy as np
import pytest

from blender.deadline import Late, awaited
from blender.features import consensus
from blender.features.consensus import Consensus
from blender.matrix import pool_rank
from blender.records import Pool

pytestmark = pytest.mark.slow
MEAN, MAX = range(2)


def test_an_outsider_agrees_with_nobody() -> None:
    texts = ["I love dogs.", "Dogs are great.", "My dog is lovely.", "The stock market fell."]
    values = Consensus().annotate([Pool.of("Do you like dogs?", texts)])
    assert values[:, MEAN].argmin() == values[:, MAX].argmin() == 3


def test_mean_and_largest_are_those_of_the_cosines_with_the_others() -> None:
    def agreement(*texts: str) -> np.ndarray:
        return Consensus().annotate([Pool.of("Hi", texts)])

    a, b, c = "I love dogs.", "Dogs are great.", "It rains."
    ab, ac = (float(agreement(a, other)[0, MEAN]) for other in (b, c))
    assert 0 < ac < ab < 1
    np.testing.assert_allclose(agreement(a, b, c)[0], [(ab + ac) / 2, ab], atol=5e-3)
    np.testing.assert_allclose(agreement(a, b), np.full((2, 2), ab), atol=5e-3)


def test_an_answer_said_ten_times_counts_once() -> None:
    once = Consensus().annotate([Pool.of("Hi", ["I love dogs.", "Dogs are great.", "It rains."])])
    texts = ["I love dogs.", "It rains.", *["Dogs are great."] * 10, ""]
    often = Consensus().annotate([Pool.of("Hi", texts)])
    np.testing.assert_allclose(often[[0, 2, 1]], once, atol=1e-5)
    np.testing.assert_array_equal(often[2:12], np.tile(often[2], (10, 1)))


def test_alone_or_with_empty_ones_there_is_no_consensus() -> None:
    values = Consensus().annotate([Pool.of("Hi", ["Hello."]), Pool.of("Hi", ["Hello.", "", "  ", "Hello."])])
    assert np.isnan(values).all()


def test_an_empty_candidate_does_not_count_as_an_other() -> None:
    texts = ["I love dogs.", "Dogs are great."]
    plain = Consensus().annotate([Pool.of("Hi", texts)])
    np.testing.assert_allclose(Consensus().annotate([Pool.of("Hi", [*texts, ""])])[:2], plain, atol=1e-5)


def test_a_crowded_pool_is_compared_part_by_part(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)
    whole = consensus._agreement(vectors)
    monkeypatch.setattr(consensus, "_MOST_COSINES", 7 * 50)
    np.testing.assert_allclose(consensus._agreement(vectors), whole, rtol=1e-4, atol=1e-5)
    with awaited() as gone, pytest.raises(Late):
        gone.set()
        consensus._agreement(vectors)


def test_the_two_that_are_closest_to_each_other_share_a_rank_in_any_order() -> None:
    texts = ["I love dogs.", "Dogs are lovely, I love them.", "It rains.", "The market fell.", "No.", "Who are you?"]
    for turned in range(len(texts)):
        order = texts[turned:] + texts[:turned]
        ranks = pool_rank(Consensus().annotate([Pool.of("Do you like dogs?", order)]))[:, MAX]
        assert [ranks[order.index(text)] for text in texts[:2]] == [pytest.approx(10 / 12)] * 2
