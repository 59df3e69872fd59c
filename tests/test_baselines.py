from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from blender.assembly import assemble
from blender.baselines import RANKERS, BestFeature, BestSource, Longest, Perplexity, Random, Shortest, Single, filled
from blender.bundle import load_bundle
from blender.errors import BadBundle, BadInput, UnknownName
from blender.fusion import ANNOTATORS_READ, Average, ReciprocalRankFusion, directed_columns
from blender.lamda import Lamda
from blender.matrix import FeatureMatrix, Floats
from blender.records import Candidate, Dialog, Origin, Pool
from blender.roles import Ranker, Scores
from blender.settings import BUNDLES, Settings

NAN = float("nan")
NEEDED: dict[str, dict[str, Any]] = {"single": {"source": "a"}, "best_source": {"sources": ["a", "b"]}}
RULES = [name for name in RANKERS if name not in ("learned", "lamda")]  # both need a bundle


def matrix(sizes: tuple[int, ...], **columns: list[float]) -> FeatureMatrix:
    names = tuple(name.replace("__", ".") for name in columns)
    values = np.array(list(columns.values()), dtype=np.float32).T.reshape(sum(sizes), len(names))
    return FeatureMatrix(values=values, columns=names, group_sizes=sizes)


def pools(*sizes: int) -> list[Pool]:
    return [
        Pool(
            dialog=Dialog.of("Hi", id=f"d{number}"),
            candidates=tuple(Candidate(text=str(at), source="abc"[at % 3], rank=at // 3) for at in range(size)),
        )
        for number, size in enumerate(sizes)
    ]


def built(name: str) -> Any:
    return RANKERS.build(name, NEEDED.get(name))


READ = (*directed_columns(("relevance", "length", "overlap", "rarity")), "perplexity.conditional")


@pytest.mark.parametrize("name", RULES)
@settings(deadline=None)  # the first call imports annotators
@given(values=hnp.arrays(np.float32, (7, len(READ)), elements=st.sampled_from([0.0, 1.0, -2.5, NAN, np.inf, -np.inf])))
def test_every_rule_scores_whatever_comes(name: str, values: Floats) -> None:
    ranker, given_pools = built(name), pools(4, 0, 1, 2)
    assert isinstance(ranker, Ranker) and all(isinstance(part, str) for part in ranker.needs)
    features = FeatureMatrix(values=values, columns=READ, group_sizes=(4, 0, 1, 2))
    scores = ranker.score(features, given_pools)
    assert isinstance(scores, Scores) and scores.value.shape == (7,) and scores.value.dtype == np.float32
    assert np.isfinite(scores.value).all() and np.isnan(scores.sensible).all()
    alone = ranker.score(features.split()[3], given_pools[3:])
    np.testing.assert_array_equal(alone.value, scores.value[5:])
    assert all(np.isfinite(gain) for _, gain in ranker.reasons(features, 0, 1))


@pytest.mark.parametrize("name", RULES)
def test_every_rule_takes_no_pools_and_columns_it_has_not(name: str) -> None:
    blank = FeatureMatrix(values=np.zeros((0, 0), np.float32), columns=(), group_sizes=())
    assert built(name).score(blank, []).value.shape == (0,)
    bare = FeatureMatrix(values=np.zeros((3, 0), np.float32), columns=(), group_sizes=(3,))
    assert np.isfinite(built(name).score(bare, pools(3)).value).all()


def test_gaps_take_the_pools_median() -> None:
    given_matrix = matrix((4, 2), x__y=[1, NAN, 9, 3, NAN, NAN])
    np.testing.assert_array_equal(filled(given_matrix, "x.y"), [1, 3, 9, 3, 0, 0])


def test_length_and_perplexity() -> None:
    given_matrix = matrix((3,), length__words=[3, 9, 1], perplexity__conditional=[2, 4, 1.5])
    assert Longest().score(given_matrix, pools(3)).value.argmax() == 1
    assert Shortest().score(given_matrix, pools(3)).value.argmax() == 2
    assert Perplexity().score(given_matrix, pools(3)).value.argmax() == 2
    assert Perplexity().reasons(given_matrix, 2, 1) == [("perplexity.conditional", 2.5)]
    feature = BestFeature(column="user.price", prefer="low")
    assert feature.needs == () and Longest().needs == ("length",)


def test_random_is_seeded_by_dialog_and_fair() -> None:
    many = pools(*[4] * 2000)
    blank = FeatureMatrix(values=np.zeros((8000, 0), np.float32), columns=(), group_sizes=(4,) * 2000)
    value = Random().score(blank, many).value
    np.testing.assert_array_equal(value, Random().score(blank, many).value)
    assert (value != Random(seed=1).score(blank, many).value).mean() > 0.99
    picks = np.bincount(value.reshape(-1, 4).argmax(1), minlength=4)
    assert (abs(picks - 500) < 80).all()


def test_sources_in_the_order_given() -> None:
    texts = [("x", "a", 1), ("y", "b", 0), ("z", "a", 0), ("w", "c", 0)]
    given_pool = Pool(
        dialog=Dialog.of("Hi"), candidates=tuple(Candidate(text=t, source=s, rank=r) for t, s, r in texts)
    )
    blank = FeatureMatrix(values=np.zeros((4, 0), np.float32), columns=(), group_sizes=(4,))
    assert np.argsort(-BestSource(sources=("a", "b")).score(blank, [given_pool]).value).tolist() == [2, 0, 1, 3]
    assert Single(source="c").score(blank, [given_pool]).value.argmax() == 3
    both = Candidate(
        text="x", source="b", origins=(Origin(source="b", rank=0, score=None), Origin(source="c", rank=5, score=None))
    )
    shared = Pool(dialog=Dialog.of("Hi"), candidates=(given_pool.candidates[1], both))
    assert Single(source="c").score(matrix((2,)), [shared]).value.argmax() == 1
    with pytest.raises(BadInput, match="at least one source"):
        BestSource(sources=())
    with pytest.raises(BadInput, match="source"):
        RANKERS.build("single")


def test_average_turns_columns_and_weighs_annotators_alike() -> None:
    found = directed_columns(("length", "overlap"))
    assert found["overlap.echo"] == -1 and "length.question" not in found
    rule = Average(columns=("user.a", "-user.b"))
    # a: z of 1, 2, 3; b: z of 5, 5, 8 turned round; both columns are of one annotator, the user
    value = rule.score(matrix((3,), user__a=[1, 2, 3], user__b=[5, 5, 8]), pools(3)).value
    a, b = np.array([-1.2247, 0, 1.2247]), np.array([-0.7071, -0.7071, 1.4142])
    np.testing.assert_allclose(value, (a - b) / 2, atol=1e-3)
    gap = rule.score(matrix((4,), user__a=[1, 2, 3, NAN], user__b=[5, 5, 8, NAN]), pools(4)).value
    np.testing.assert_allclose(gap, [*value, 0], atol=1e-6)  # what could not be judged is the middle
    ((name, gain),) = rule.reasons(matrix((3,), user__a=[1, 2, 3], user__b=[5, 5, 8]), 1, 0)
    assert name == "user.a" and gain == pytest.approx(0.61237, abs=1e-4)
    # three columns of length against one of overlap: each annotator has half the say
    columns = ("length.words", "length.characters", "length.sentences", "overlap.echo")
    four = Average(columns=columns)
    assert four.needs == ("length", "overlap")
    given_matrix = matrix(
        (2,), length__words=[0, 1], length__characters=[0, 1], length__sentences=[0, 1], overlap__echo=[0, 1]
    )
    np.testing.assert_allclose(four.score(given_matrix, pools(2)).value, [0, 0], atol=1e-6)


def test_reciprocal_rank_fusion_by_hand() -> None:
    rule = ReciprocalRankFusion(columns=("user.a", "user.b"), k=60)
    value = rule.score(matrix((3,), user__a=[3, 2, 1], user__b=[1, 1, NAN]), pools(3)).value
    # ranks 1, 2, 3 and, the gap at the median of 1 and 1, three times 2
    np.testing.assert_allclose(value, [1 / 61 + 1 / 62, 1 / 62 + 1 / 62, 1 / 63 + 1 / 62], rtol=1e-6)
    ((name, gain),) = rule.reasons(matrix((3,), user__a=[3, 2, 1], user__b=[1, 1, NAN]), 0, 2)
    assert name == "user.a" and gain == pytest.approx(1 / 61 - 1 / 63)


@pytest.mark.parametrize("rule", [Average, ReciprocalRankFusion])
def test_a_fusion_needs_the_annotators_of_what_it_reads(rule: type[Average] | type[ReciprocalRankFusion]) -> None:
    assert rule().needs == ANNOTATORS_READ
    assert rule(annotators=("length",)).needs == ("length",)
    assert rule(columns=("-overlap.echo", "length.words", "overlap.repeat", "-user.a")).needs == ("overlap", "length")
    with pytest.raises(
        UnknownName, match=r"unknown column \(for the ranker\) 'length.wrods'; did you mean 'length.words'"
    ):
        rule(columns=("length.wrods",)).score(matrix((2,), length__words=[0, 1]), pools(2))


@pytest.mark.parametrize("rule", [Average, ReciprocalRankFusion])
@pytest.mark.parametrize("annotators", [(), ("states",)])
def test_a_fusion_of_no_column_is_refused(
    rule: type[Average] | type[ReciprocalRankFusion], annotators: tuple[str, ...]
) -> None:
    with pytest.raises(BadInput, match="no annotator with a column that has a better end"):
        rule(annotators=annotators).score(matrix((2,), length__words=[0, 1]), pools(2))


def test_a_column_with_a_better_end_is_turned_round_by_its_sign() -> None:
    """Of echo, less is better."""
    echo = matrix((2,), overlap__echo=[0, 1])
    assert Average(columns=("overlap.echo",)).score(echo, pools(2)).value.tolist() == [1, -1]
    assert Average(columns=("-overlap.echo",)).score(echo, pools(2)).value.tolist() == [-1, 1]


class Heads:
    """Stands in for the ranker of a bundle: gives the probabilities that the matrix holds."""

    needs = ("length",)

    def score(self, given_matrix: FeatureMatrix, given_pools: list[Pool]) -> Scores:
        sensible, specific = given_matrix.column("user.sensible"), given_matrix.column("user.specific")
        return Scores(value=sensible, sensible=sensible, specific=specific)

    def reasons(self, given_matrix: FeatureMatrix, winner: int, other: int) -> list[tuple[str, float]]:
        return [("user.sensible", 1.0)]


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("rrf", "k", -1.0),
        ("rrf", "k", math.inf),
        ("lamda", "sensible_weight", -3.0),
        ("lamda", "sensible_weight", math.nan),
        ("lamda", "most_toxic", 80.0),
    ],
)
def test_settings_of_rules_that_make_no_sense_are_refused(name: str, key: str, value: float) -> None:
    with pytest.raises(BadInput, match=rf"{key} of ranker '{name}' must .*, is {value}"):
        RANKERS.build(name, {key: value})


def test_lamda_puts_safety_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lamda, "heads", Heads())
    given_matrix = matrix(
        (4,), user__sensible=[0.5, 0.6, 1, 0.1], user__specific=[0.9, 0.4, 1, 0.1], toxicity__toxic=[0, 0.1, 0.95, NAN]
    )
    rule = Lamda()
    scores = rule.score(given_matrix, pools(4))
    np.testing.assert_allclose(scores.value, [2.4, 2.2, 0, 0.4], atol=1e-6)
    np.testing.assert_array_equal(scores.sensible, given_matrix.column("user.sensible"))
    assert rule.needs == ("length", "toxicity")
    ((name, gain),) = rule.reasons(given_matrix, 0, 2)
    assert name == "toxicity.toxic" and gain == pytest.approx(0.95)
    assert rule.reasons(given_matrix, 0, 1) == [("user.sensible", 1.0)]


def test_lamda_takes_the_heads_of_a_packaged_bundle_or_of_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fast").mkdir()
    monkeypatch.chdir(tmp_path)  # a folder that is no bundle is not taken for the packaged one of its name
    packaged = Lamda(bundle="fast")
    assert packaged.needs == tuple(dict.fromkeys((*load_bundle(BUNDLES / "fast").ranker.needs, "toxicity")))
    assert Lamda(bundle=str(BUNDLES / "fast")).heads.columns == packaged.heads.columns


@pytest.mark.parametrize("length_free", [False, True])
def test_lamda_measures_what_its_bundle_was_trained_on_and_nothing_else(length_free: bool) -> None:
    ranker = {"use": "lamda", "bundle": "fast", "length_free": length_free}
    assert set(assemble(Settings.of({"ranker": ranker})).annotators) >= set(load_bundle(BUNDLES / "fast").annotators)
    with pytest.raises(BadBundle, match="annotator 'relevance' is not the one"):
        assemble(Settings.of({"ranker": ranker, "annotators": {"relevance": {"decay": 0.05}}}))


@pytest.mark.parametrize("head", ["sensible", "specific"])
def test_lamda_without_its_bundle_or_one_of_its_heads_says_so(
    head: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadBundle, match="no bundle"):
        _ = Lamda(bundle=str(tmp_path / "none")).needs
    whole = load_bundle(BUNDLES / "fast")
    part = replace(whole, ranker=replace(whole.ranker, **{head: None}))  # type: ignore[arg-type]
    monkeypatch.setattr("blender.bundle.load_bundle", lambda _folder: part)
    with pytest.raises(BadInput, match=r"needs P.sensible. and P.specific.; bundle 'fast' lacks one of them"):
        _ = Lamda(bundle="fast").needs
