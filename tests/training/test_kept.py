"""Numbers of texts are made once and kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from blender.matrix import Floats
from blender.training.kept import kept_of_texts


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    monkeypatch.setenv("BLENDER_CACHE", str(tmp_path))
    return []


def lengths(asked: list[list[str]], *texts: str, key: str = "letters") -> Floats:
    def make(some: list[str]) -> Floats:
        if "broken" in some:
            raise KeyboardInterrupt
        asked.append(some)
        return np.array([[len(text), 1] for text in some], dtype=np.float32)

    return kept_of_texts(texts, "lengths", (key,), make, chunk=2)


def test_a_row_for_each_text_in_their_order_each_text_made_once(asked: list[list[str]]) -> None:
    found = lengths(asked, "ab", "c", "ab", "def")
    np.testing.assert_array_equal(found, [[2, 1], [1, 1], [2, 1], [3, 1]])
    assert asked == [["ab", "c"], ["def"]]
    np.testing.assert_array_equal(lengths(asked, "ab", "c", "ab", "def"), found)
    assert len(asked) == 2
    lengths(asked, "ab", "c", key="words")
    assert len(asked) == 3


def test_what_was_made_before_a_run_was_killed_is_not_made_again(asked: list[list[str]]) -> None:
    with pytest.raises(KeyboardInterrupt):
        lengths(asked, "a", "b", "broken")
    lengths(asked, "a", "b", "c")
    assert asked == [["a", "b"], ["c"]]


def test_no_texts_have_no_numbers(asked: list[list[str]]) -> None:
    assert lengths(asked).shape == (0,)
