from __future__ import annotations

import numpy as np
import pytest

from blender.training.proxy.spans import gathered, spread


def test_losses_are_kept_whole() -> None:
    losses = np.array([3.0, 1.0, 2.0], dtype=np.float32)
    made = spread(losses, [(0, 3), (3, 5), (5, 6)], 8)
    np.testing.assert_allclose(made[0], [1, 1, 1, 0.5, 0.5, 2, 0, 0])
    np.testing.assert_allclose(gathered(made, [(0, 2), (4, 8)]), [[2, 4], [2 / 3, 7 / 3]], rtol=1e-6)


def test_without_spans_all_is_spread_evenly() -> None:
    made = spread(np.array([3.0, 1.0], dtype=np.float32), None, 4)
    np.testing.assert_allclose(made, [[1, 1, 1, 1], [0.5] * 4])


def test_several_tokens_of_one_character_add_up() -> None:
    made = spread(np.array([3.0, 1.0], dtype=np.float32), [(0, 1), (0, 1)], 1)
    assert made.ravel().tolist() == pytest.approx([4, 2])


def test_no_span_has_nothing() -> None:
    assert gathered(np.ones((2, 3), dtype=np.float32), []).shape == (2, 0)
