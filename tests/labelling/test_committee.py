"""Who votes on what to label next, and where contexts lie."""

from __future__ import annotations

import numpy as np
import pytest

from blender.fusion import Average
from blender.labelling.committee import AVERAGE, LAMDA, RANKER, committee, places_of_features, rule_votes
from blender.matrix import FeatureMatrix
from blender.roles import Scores

COLUMNS = ("relevance.last_turn", "perplexity.conditional", "toxicity.toxic")


def matrix(rows: list[list[float]], sizes: tuple[int, ...], columns: tuple[str, ...] = COLUMNS) -> FeatureMatrix:
    return FeatureMatrix(values=np.array(rows, dtype=np.float32), columns=columns, group_sizes=sizes)


ROWS = [[0.9, 5.0, 0.1], [0.1, 2.0, 0.1], [0.5, 3.0, 0.99]]


def heads(values: list[float]) -> Scores:
    given = np.array(values, dtype=np.float32)
    return Scores(value=given, sensible=given, specific=given)


def test_every_rule_whose_columns_were_measured_has_a_vote() -> None:
    votes = committee(matrix(ROWS, (3,)), heads([0.2, 0.3, 0.9]))
    assert set(votes) == {RANKER, AVERAGE, LAMDA, "rank fusion", "lowest perplexity"}
    assert int(votes["lowest perplexity"].argmax()) == 1
    np.testing.assert_allclose(
        votes[AVERAGE],
        Average(annotators=("relevance", "perplexity", "toxicity")).score(matrix(ROWS, (3,)), ()).value,
        rtol=1e-6,
    )


def test_lamdas_rule_puts_what_is_toxic_last() -> None:
    votes = committee(matrix(ROWS, (3,)), heads([0.2, 0.3, 0.9]))
    assert list(np.argsort(-votes[LAMDA])) == [1, 0, 2]


def test_without_heads_or_with_one_annotator_there_are_fewer_voters() -> None:
    alone = matrix([[0.9], [0.1]], (2,), COLUMNS[:1])
    assert set(committee(alone, Scores.plain(np.array([1.0, 0.0])))) == {RANKER}
    unknown = matrix([[0.9, np.nan, np.nan], [0.1, np.nan, np.nan]], (2,))
    assert set(rule_votes(unknown)) == set()


def test_known_votes_of_rules_are_taken_as_they_are() -> None:
    votes = committee(matrix(ROWS, (3,)), Scores.plain(np.zeros(3)), {"mine": np.ones(3)})
    assert set(votes) == {RANKER, "mine"}


def test_contexts_with_like_features_lie_close() -> None:
    places = places_of_features(matrix([[1, 1, 1], [1, 1, 1], [1, 1, 1], [9, 9, 9]], (2, 1, 1)))
    assert places.shape == (3, 6)
    assert np.linalg.norm(places[0] - places[1]) == pytest.approx(0)
    assert np.linalg.norm(places[0] - places[2]) > 1


def test_gaps_and_empty_pools_have_a_place_too() -> None:
    places = places_of_features(matrix([[np.nan, 1, 1], [2, np.inf, 3]], (1, 0, 1)))
    assert places.shape == (3, 6)
    assert np.isfinite(places).all()
