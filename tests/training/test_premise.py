from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from blender.judging.pools import LabelledPool
from blender.records import Candidate, Dialog, Kind, Pool
from blender.training.premise import _means, _ways, premise_lines

KINDS: tuple[Kind, ...] = ("retrieval", "generator", "generator")


def labelled() -> LabelledPool:
    candidates = tuple(Candidate(text=str(at), kind=kind) for at, kind in enumerate(KINDS))
    unknown = np.full(3, np.nan, dtype=np.float32)
    return LabelledPool(
        pool=Pool(dialog=Dialog.of("Hi"), candidates=candidates),
        dataset="made up",
        family="made up",
        sensible=np.array([1.0, 0.5, 0.0], dtype=np.float32),
        specific=np.array([0.2, 0.4, 0.8], dtype=np.float32),
        overall=unknown,
    )


def test_each_way_to_answer_gets_its_label() -> None:
    score = np.array([0.1, 0.3, 0.2])
    assert _ways(labelled(), score, "sensible") == pytest.approx((1.0, 0.25, 0.5))
    assert _ways(labelled(), score, "specific") == pytest.approx((0.2, 0.6, 0.4))


def test_differences_are_paired_and_claims_follow_their_intervals() -> None:
    values = np.tile([0.9, 0.1, 0.5], (30, 1)) + np.linspace(0, 0.05, 30)[:, None]
    found: dict[str, dict[str, Any]] = {
        "made up": {"n": 30, "sensible": _means(values, seed=0), "specific": _means(values, seed=0)}
    }
    difference = found["made up"]["sensible"]["retrieval less generator"]
    assert [round(end, 6) for end in (difference.low, difference.value, difference.high)] == [0.8, 0.8, 0.8]
    lines = premise_lines(found)
    assert "- *Retrieval beats generator in sensible*: yes on made up." in lines
    assert "- *Generator beats retrieval in specific*: no, the contrary on made up." in lines
    assert "- *Blend beats generator in SSA*: no set has the label." in lines
