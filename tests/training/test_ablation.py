"""The table of what each annotator adds takes its milliseconds from the benchmark as that writes them."""

from __future__ import annotations

from pathlib import Path

from blender.training.ablation import _times
from blender.training.prepare import default_annotators

PROJECT = Path(__file__).parents[2]


def test_every_annotator_of_the_default_set_has_its_milliseconds() -> None:
    times = _times(PROJECT)
    assert set(default_annotators()) <= set(times)
    assert min(times.values()) > 0


def test_without_the_benchmark_there_are_none(tmp_path: Path) -> None:
    assert _times(tmp_path) == {}
