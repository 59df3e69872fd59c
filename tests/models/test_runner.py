from __future__ import annotations

from typing import Any

import pytest
import torch

from blender.deadline import within
from blender.models.runner import Runner
from blender.models.tree import Branch


@pytest.mark.parametrize("way", ["contexts", "shares"])
def test_a_network_is_tried_to_the_end_whatever_the_deadline(small_llama: Any, way: str) -> None:
    """Otherwise every call with a short one would begin the trial anew, and none would come to its answer."""
    runner = Runner(small_llama, [3], [[10, 11, 12]], [Branch(0, (20, 21, 22), True)])
    with within(1e-6), torch.inference_mode():
        assert getattr(runner, way)
