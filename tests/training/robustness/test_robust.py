"""The report: parts are written beside each other, and what guards cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from blender.errors import UnknownName
from blender.matrix import FeatureMatrix
from blender.records import Pool
from blender.training.robust import robustness
from blender.training.robustness.contexts import Bench
from blender.training.robustness.guarded import guards_cost


@pytest.mark.slow
def test_a_part_is_written_and_the_others_stay(bench: Bench, tmp_path: Path) -> None:
    robustness(bench.prepared, bench.found, tmp_path, parts=["length-free"])
    robustness(bench.prepared, bench.found, tmp_path, parts=["missing"])
    values = msgspec.json.decode((tmp_path / "benchmarks" / "robustness.json").read_bytes())
    assert set(values) == {"length-free", "missing"}
    assert values["missing"]["seed"] == 0
    assert set(values["missing"]["figures"]["one"]) == {"length", "overlap", "rarity"}
    text = (tmp_path / "docs" / "robustness.md").read_text()
    assert "<!-- length-free -->\n| set (pools) |" in text
    assert "| length and overlap |" in text
    with pytest.raises(UnknownName, match="did you mean 'missing'"):
        robustness(bench.prepared, bench.found, tmp_path, parts=["mising"])


@dataclass(frozen=True, kw_only=True)
class Best:
    """Blocks the answers named."""

    texts: frozenset[str]
    needs: tuple[str, ...] = ()

    def check(self, pools: Sequence[Pool], matrix: FeatureMatrix) -> list[str | None]:
        return ["named" if text in self.texts else None for pool in pools for text in pool.texts]


def test_a_guard_that_blocks_the_best_answers_costs_head_room_and_one_that_blocks_none_nothing(bench: Bench) -> None:
    examples = bench.prepared.examples
    best = {
        labelled.pool.texts[int(np.argmax(examples.target[rows]))]
        for labelled, rows in zip(bench.prepared.labelled, examples.matrix.groups(), strict=True)
    }
    guards = {"the best": Best(texts=frozenset(best)), "none": Best(texts=frozenset())}
    found = guards_cost(replace(bench, guards=guards))
    for name in ("one", "two"):
        assert found["none"][name].change.value == 0
        assert np.isnan(found["none"][name].worth)
        assert found["the best"][name].change.high < 0
        assert found["the best"][name].blocked == pytest.approx(0.2)
        assert found["the best"][name].worth == pytest.approx(1)
