from __future__ import annotations

import numpy as np
import pytest

from blender.features.consensus import Consensus
from blender.records import Pool

pytestmark = pytest.mark.slow
MEAN, MAX = range(2)


def test_an_outsider_agrees_with_nobody() -> None:
    texts = ["I love dogs.", "Dogs are great.", "My dog is lovely.", "The stock market fell."]
    values = Consensus().annotate([Pool.of("Do you like dogs?", texts)])
    assert values[:, MEAN].argmin() == values[:, MAX].argmin() == 3


def test_the_same_answer_twice_is_its_own_nearest() -> None:
    values = Consensus().annotate([Pool.of("Hi", ["I love dogs.", "I love dogs.", "It rains."])])
    assert values[:2, MAX] == pytest.approx([1, 1], abs=1e-5)


def test_alone_or_with_empty_ones_there_is_no_consensus() -> None:
    values = Consensus().annotate([Pool.of("Hi", ["Hello."]), Pool.of("Hi", ["Hello.", "", "  "])])
    assert np.isnan(values).all()


def test_an_empty_candidate_does_not_count_as_an_other() -> None:
    texts = ["I love dogs.", "Dogs are great."]
    plain = Consensus().annotate([Pool.of("Hi", texts)])
    np.testing.assert_allclose(Consensus().annotate([Pool.of("Hi", [*texts, ""])])[:2], plain, atol=1e-5)
