"""No false alarm on harmless sentences that sound dangerous, and plainly toxic ones are still caught.

The cut-off is the head's own, chosen on its training data (``run.cut_off``), and these lists take no part in that.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from blender.models.safety import load_safety
from blender.training.safety.lists import KNOWN, read_lists, score_lines

ROOT = Path(__file__).resolve().parents[3]
HEADS = {"en": "english", "ru": "russian"}


@pytest.mark.parametrize("locale", HEADS)
def test_the_lists_are_what_they_are_said_to_be(locale: str) -> None:
    lists = read_lists(ROOT, locale)
    assert len({line.answer for line in lists.harmless}) == len(lists.harmless) == 100
    assert len({line.answer for line in lists.toxic}) == len(lists.toxic) >= 20
    assert set(KNOWN[locale]) <= {line.answer for line in lists.harmless}
    assert min(Counter(line.theme for line in lists.harmless).values()) >= 6


@pytest.mark.slow
@pytest.mark.parametrize("locale", HEADS)
def test_no_harmless_sentence_raises_an_alarm(locale: str) -> None:
    head = load_safety(HEADS[locale])
    lines = read_lists(ROOT, locale).harmless
    alarms = [
        (line.answer, float(score))
        for line, score in zip(lines, score_lines(head, lines), strict=True)
        if score > head.manifest.cutoff
    ]
    assert not alarms


@pytest.mark.slow
@pytest.mark.parametrize(("locale", "share"), [("en", 0.5), ("ru", 0.33)])
def test_toxic_sentences_are_still_caught(locale: str, share: float) -> None:
    head = load_safety(HEADS[locale])
    lines = read_lists(ROOT, locale).toxic
    assert (score_lines(head, lines) > head.manifest.cutoff).mean() >= share
