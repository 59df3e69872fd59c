from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from blender.deadline import Late, within
from blender.models.sampling import Asked, Sampling, sampled


class Endless:
    """A batch of two samples that never end; a step takes 20 ms."""

    rows = (0, 1)
    logits = torch.zeros(2, 5)
    advanced = 0

    def advance(self, chosen: torch.Tensor, going: torch.Tensor) -> None:
        self.advanced += 1
        time.sleep(0.02)


def test_no_token_is_computed_after_the_deadline() -> None:
    batch = Endless()
    settings = Sampling(max_new_tokens=1000, top_p=1.0)
    asked = [Asked(prompt=(1,), chances=np.full((2, 1000), 0.9), settings=settings)]
    with within(0.1), pytest.raises(Late):
        sampled(batch, asked, [0])  # type: ignore[arg-type]
    assert 1 <= batch.advanced <= 5  # of 20 ms each: the sixth would have begun after the deadline
