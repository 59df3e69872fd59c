from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from blender.assembly import assemble
from blender.baselines import Longest
from blender.cascade import Cascade
from blender.errors import BadInput
from blender.matrix import FeatureMatrix
from blender.settings import Settings
from blender.true_to_facts import ANNOTATOR, COLUMN, TrueToFacts

MATRIX = FeatureMatrix(
    values=np.array([[5, 0.9], [4, 0.1], [3, np.nan], [2, np.nan]], np.float32),
    columns=("length.words", COLUMN),
    group_sizes=(2, 2),
)


def test_a_contradiction_costs_its_weight_and_what_is_not_known_costs_nothing() -> None:
    plain = Longest().score(MATRIX, ()).value
    ranker = TrueToFacts(ranker=Longest(), weight=2)
    np.testing.assert_allclose(ranker.score(MATRIX, ()).value, plain - np.array([1.8, 0.2, 0, 0]), rtol=1e-6)
    assert set(ranker.needs) == {"length", ANNOTATOR}


def test_reasons_sum_to_the_difference_and_name_the_facts() -> None:
    ranker = TrueToFacts(ranker=Longest(), weight=2)
    value = ranker.score(MATRIX, ()).value
    for winner, other in ((1, 0), (2, 3)):
        reasons = ranker.reasons(MATRIX, winner, other)
        assert sum(gain for _, gain in reasons) == pytest.approx(float(value[winner] - value[other]), abs=1e-5)
        assert (COLUMN in dict(reasons)) == (winner == 1)
        assert [gain for _, gain in reasons] == sorted((gain for _, gain in reasons), reverse=True)


@pytest.mark.parametrize("more", [{}, {"length_free": True}])
def test_the_last_ranker_of_a_shortlist_reads_the_facts(more: dict[str, Any]) -> None:
    given = {"first": "fast", "true_to_facts": True, **more}
    parts = assemble(Settings(bundle="default", ranker=given, guards={}))
    assert isinstance(parts.ranker, Cascade)
    assert isinstance(parts.ranker.last, TrueToFacts) and not isinstance(parts.ranker.first, TrueToFacts)
    assert ANNOTATOR in parts.dear


def test_the_default_preset_is_true_to_facts() -> None:
    assert Settings.find("default").ranker["true_to_facts"] is True


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(BadInput, match="true_to_facts of the ranker must be true or false, got 1"):
        assemble(Settings(bundle="default", ranker={"true_to_facts": 1}))
    with pytest.raises(BadInput, match=r"needs the ranker 'learned' of a bundle.*got use = 'longest'"):
        assemble(Settings(bundle="default", ranker={"use": "longest", "true_to_facts": True}))
