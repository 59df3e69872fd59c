from __future__ import annotations

import pytest

from blender.features.length import Length
from blender.records import Pool


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I like tea.", [3, 11, 1, 0]),
        ("Do you? I don't!", [4, 16, 2, 1]),
        ("  padded  ", [1, 6, 1, 0]),
        ("", [0, 0, 0, 0]),
        ("😀", [0, 1, 1, 0]),
        ("Как дела? Хорошо.", [3, 17, 2, 1]),
        ("你好吗？", [3, 4, 1, 1]),
    ],
)
def test_counts(text: str, expected: list[int]) -> None:
    assert Length().annotate([Pool.of("Hi!", [text])]).tolist() == [expected]
