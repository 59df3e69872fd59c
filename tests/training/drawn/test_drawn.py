from __future__ import annotations

import pytest

from blender.bundle import load_bundle
from blender.judging.families import seen_in_training
from blender.judging.label_files import label_digests, read_label_files
from blender.judging.resampling import Interval
from blender.settings import BUNDLES, Settings
from blender.training.drawn import CHATS, CHATS_JUDGED, FACTS, FACTS_CHOICES, FACTS_JUDGED, TALK, TALK_JUDGED
from blender.training.drawn.bundle import LEARNT, OWN
from blender.training.drawn.report import lines

JUDGED = (CHATS_JUDGED, TALK_JUDGED, FACTS_JUDGED)


def test_nothing_is_judged_that_was_learnt_from() -> None:
    assert set(LEARNT) == {CHATS, TALK, FACTS, FACTS_CHOICES}
    pools = [[one.pool.dialog for one in read_label_files(files)] for files in (LEARNT, JUDGED)]
    assert [len(each) for each in pools] == [400 + 295 + 220 + 200, 200 + 224 + 150]
    learnt, judged = ({(dialog.turns, dialog.facts) for dialog in each} for each in pools)
    assert not learnt & judged


@pytest.mark.parametrize(("start", "own"), OWN.items())
def test_the_packaged_bundles_were_made_of_these_files(start: str, own: tuple[str, tuple[str, ...]]) -> None:
    made, before = load_bundle(BUNDLES / own[0]), load_bundle(BUNDLES / start)
    assert made.data == label_digests(LEARNT)
    assert list(made.annotators) == [*before.annotators, *own[1]]
    assert Settings.find(start).ranker["own"] == own[0]
    assert "labelled by a large language model" in made.card


def test_who_is_judged_on_what_it_learnt_from_is_told() -> None:
    data = load_bundle(BUNDLES / "small-talk").data
    assert seen_in_training(read_label_files([CHATS]), data) == ("drawn-chats",)
    assert seen_in_training(read_label_files([CHATS_JUDGED]), data) == ()


def test_every_candidate_names_a_source_of_the_preset_and_is_labelled() -> None:
    sources = set(Settings.find("default").sources)
    for pool in read_label_files([*LEARNT, *JUDGED]):
        assert {one.source for one in pool.pool.candidates} <= sources
        assert len(pool.pool) <= 8
        assert all(low in (0, 1) for low in pool.sensible.tolist())
        assert (pool.specific <= pool.sensible).all()


def test_the_tables_show_what_was_measured() -> None:
    share = Interval(value=0.5, low=0.4, high=0.6)
    policy = {"sensible": share, "specific": share, "recovered": share}
    curve = {"sizes": [25, 50], "recovered": [0.1, 0.2]}
    values = {
        "chosen": {"chats": {"n": 7, "policies": {"bundle `x`": policy}}},
        "said": {"chats": {"labels": {"sensible": 0.29, "specific": 0.19}}},
        "curve": {"adapted": curve, "trained": curve, "contexts": 9},
    }
    shown = "\n".join(lines(values))
    assert "| bundle `x` | 50 (40 to 60) | 50 (40 to 60) | 50 (40 to 60) |" in shown
    assert "| chats: labels | 29 | 19 |" in shown and "| 50 | 20 | 20 |" in shown
