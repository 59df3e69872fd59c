from __future__ import annotations

import numpy as np
import pytest

from blender.training.proxy.spans import gathered, spread


def test_losses_are_kept_whole() -> None:
    losses = np.array([3.0, 1.0, 2.0], dtype=np.float32)
    made = spread(losses, [(0, 3), (3, 5), (5, 6)], 8)
    assert made[0].tolist() == [1, 1, 1, 0.5, 0.5, 2, 0, 0]
    nats, tokens = gathered(made, [(0, 2), (4, 8)])
    assert nats.tolist() == pytest.approx([2, 4])
    assert tokens.tolist() == pytest.approx([2 / 3, 7 / 3])


def test_without_spans_all_is_spread_evenly() -> None:
    made = spread(np.array([3.0, 1.0], dtype=np.float32), None, 4)
    assert made.tolist() == [[1, 1, 1, 1], [0.5] * 4]


def test_several_tokens_of_one_character_add_up() -> None:
    made = spread(np.array([3.0, 1.0], dtype=np.float32), [(0, 1), (0, 1)], 1)
    assert made.ravel().tolist() == pytest.approx([4, 2])


def test_no_span_has_nothing() -> None:
    assert gathered(np.ones((2, 3), dtype=np.float32), []).shape == (2, 0)
