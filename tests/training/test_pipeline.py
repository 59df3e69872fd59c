"""From label files to a bundle that serves, with an honest word beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from blender.annotation import annotate
from blender.bundle import load_bundle
from blender.errors import BadInput
from blender.features import ANNOTATORS
from blender.features.length import Length
from blender.judging.label_files import read_label_files
from blender.matrix import Floats
from blender.records import Candidate, Pool
from blender.training.card import Provenance
from blender.training.command import not_judged
from blender.training.compare import LEARNED, mean_over_sets, policy_scores
from blender.training.pipeline import Trained, train
from blender.training.prepare import both_sides, enough_to_judge, prepare
from tests.training.conftest import quick

MakeLabels = Callable[..., Path]


def test_the_bundle_serves_what_was_learnt(made: Trained) -> None:
    loaded = load_bundle(made.folder)
    annotators = loaded.build_annotators()
    loaded.check(annotators)
    pool = Pool.of(
        "Where does the river go?", ["Tea.", "The river goes to the sea, past the hill and the green paper mill."]
    )
    scores = loaded.ranker.score(annotate([pool], annotators).matrix, [pool])
    assert scores.value[1] > scores.value[0]
    assert scores.sensible[1] > scores.sensible[0]
    assert loaded.metrics["how"] == "one family left out"
    assert set(loaded.metrics["best by objective"]) == {"regression", "lambdarank"}
    assert loaded.data.keys() == {"one.jsonl", "two.jsonl"}
    assert made.compared["one"].row(LEARNED).recovered.value > 0.5
    assert not made.out_of_fold.impossible


def test_every_baseline_stands_beside(made: Trained) -> None:
    policies = {row.policy for row in made.compared["two"].rows}
    assert policies >= {
        LEARNED, "random", "longest", "shortest", "plain average", "rank fusion", "best feature", "best source",
        "3 P(sensible) + P(specific)", "source alpha", "source delta",
    }  # fmt: skip
    means = mean_over_sets(dict(made.compared))
    assert list(means.values()) == sorted(means.values(), reverse=True)
    card = (made.folder / "CARD.md").read_text()
    for policy in means:
        assert f"| {policy} |" in card


def test_a_baseline_that_wins_is_named(label_file: MakeLabels, tmp_path: Path) -> None:
    """One source's answers are the best whatever they say, which the ranker, blind to sources, cannot learn."""
    files = [label_file(name, seed=at) for at, name in enumerate(("one", "two"))]
    for file in files:
        rows = [json.loads(line) for line in file.read_text().splitlines()]
        for row in rows:
            row["sensible"] = row["specific"] = float(row["source"] == "alpha")
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = train(files, tmp_path / "bundle", quick(tmp_path / "cache", overlap={}))
    assert [dataset for dataset, _, _ in made.verdict.losses] == ["one", "two"]
    for dataset, policy, gap in made.verdict.losses:
        assert policy in ("best source", "source alpha")
        learned = made.compared[dataset].row(LEARNED).recovered.value
        assert gap.value == pytest.approx(made.compared[dataset].row(policy).recovered.value - learned)
        assert gap.low > 0
    card = (made.folder / "CARD.md").read_text()
    assert "A baseline wins: do not use the learned ranker" in card
    assert re.search(r"On one (best source|source alpha) recovers .*% more, beyond the error of the estimate", card)


def test_with_one_set_it_says_that_leaving_out_was_impossible(label_file: MakeLabels, tmp_path: Path) -> None:
    made = train([label_file("alone")], tmp_path / "bundle", quick(tmp_path / "cache"))
    assert "Leaving a family out was impossible: all labels are of one family (alone)" in made.out_of_fold.impossible
    assert made.out_of_fold.how == "grouped 5-fold"
    assert made.out_of_fold.impossible in (tmp_path / "bundle" / "CARD.md").read_text()
    assert not np.isnan(made.out_of_fold.value).any()


def test_training_twice_writes_the_same_bundle(label_file: MakeLabels, tmp_path: Path) -> None:
    file = label_file("one")
    for folder in ("a", "b"):
        train([file], tmp_path / folder, quick(tmp_path / f"cache of {folder}"))
    kept = [{p.name: p.read_bytes() for p in (tmp_path / folder).iterdir()} for folder in ("a", "b")]
    assert kept[0] == kept[1]


def test_a_ranker_may_know_who_made_an_answer(label_file: MakeLabels, tmp_path: Path) -> None:
    path = label_file("ours", contexts=60)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows:
        row["source"] = {"beta": "bot: v2"}.get(row["source"], row["source"])
        row["sensible"] = row["specific"] = 0.9 if row["source"] == "bot: v2" else 0.3
    path.write_text("\n".join(map(json.dumps, rows)))
    made = train([path], tmp_path / "bundle", quick(tmp_path / "cache", length={}, source={}))
    assert made.compared["ours"].row(LEARNED).recovered.value == 1
    loaded = load_bundle(tmp_path / "bundle")
    assert loaded.annotators["source"] == {"names": ["alpha", "bot: v2", "delta", "gamma"]}
    assert "meant for these sources: alpha, bot: v2, delta, gamma." in (tmp_path / "bundle" / "CARD.md").read_text()
    pool = Pool.of("Hi", [Candidate(text="Tea.", source=name) for name in ("alpha", "bot: v2", "never seen")])
    matrix = annotate([pool], loaded.build_annotators()).matrix
    assert int(loaded.ranker.score(matrix, [pool]).value.argmax()) == 1
    assert loaded.ranker.reasons(matrix, 1, 0)[0][0] == "source.bot_v2"


def test_a_users_own_column_is_trained_on_and_served(label_file: MakeLabels, tmp_path: Path) -> None:
    path = label_file("priced")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    generator = np.random.default_rng(3)
    for row in rows:
        row["features"] = {"price": float(generator.normal())}
        row["sensible"] = row["specific"] = float(1 / (1 + np.exp(2 * row["features"]["price"])))
    path.write_text("\n".join(map(json.dumps, rows)))
    train([path], tmp_path / "bundle", quick(tmp_path / "cache"))
    loaded = load_bundle(tmp_path / "bundle")
    assert loaded.user_columns == ("user.price",)
    candidates = [Candidate(text="A boat.", features={"price": price}) for price in (1.5, -1.5)]
    pool = Pool.of("Boat?", [*candidates, Candidate(text="A lamp.")])
    matrix = annotate([pool], loaded.build_annotators(), user_columns=loaded.user_columns).matrix
    value = loaded.ranker.score(matrix, [pool]).value
    assert value[1] > value[2] > value[0]


def test_equal_labels_are_refused(label_file: MakeLabels, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="all labels are equal"):
        train([label_file("level", level=True)], tmp_path / "bundle", quick(tmp_path / "cache"))
    assert not (tmp_path / "bundle").exists()


def test_problems_of_all_files_come_together(label_file: MakeLabels, tmp_path: Path) -> None:
    one, two = label_file("one"), label_file("two")
    one.write_text(one.read_text() + "{broken\n")
    two.write_text(two.read_text() + '{"dialog_id": "x", "context": ["Hi?"], "response": "Hm.", "sensible": 7}\n')
    with pytest.raises(BadInput) as caught:
        read_label_files([one, two, tmp_path / "absent.jsonl"])
    problems = "\n".join(caught.value.problems)
    assert "one.jsonl, line 161" in problems and "two.jsonl, line 161" in problems and "absent.jsonl" in problems


def test_too_few_contexts_are_refused(label_file: MakeLabels, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="at least 5 different conversations, the labels have 3"):
        train([label_file("tiny", contexts=3)], tmp_path / "bundle", quick(tmp_path / "cache"))


def test_labels_with_hardly_any_choice_are_refused(label_file: MakeLabels, tmp_path: Path) -> None:
    path = label_file("lone")
    rows = path.read_text().splitlines()
    path.write_text("\n".join(rows[:4] + rows[4::4]))  # the first context alone has several answers
    with pytest.raises(BadInput, match="no context has two labelled answers"):
        train([path], tmp_path / "bundle", quick(tmp_path / "cache"))


def test_annotators_that_judge_nothing_are_refused(
    label_file: MakeLabels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Length, "annotate", lambda _, pools: np.full((sum(map(len, pools)), 4), np.nan))
    with pytest.raises(BadInput, match="length could not judge a single candidate"):
        train([label_file()], tmp_path / "b", quick(tmp_path / "cache", length={}))


def test_a_family_of_which_nothing_is_measured_may_be_all_that_is_trained_on(
    label_file: MakeLabels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Length.annotate

    def of_one(self: Length, pools: Sequence[Pool]) -> Floats:
        known = np.array(["of one" in pool.dialog.texts[0] for pool in pools for _ in pool.texts])
        return np.where(known[:, None], plain(self, pools), np.float32(np.nan))

    monkeypatch.setattr(Length, "annotate", of_one)
    files = [label_file(name, seed=at) for at, name in enumerate(("one", "two"))]
    made = train(files, tmp_path / "b", quick(tmp_path / "cache", length={}))
    assert made.compared["one"].row("best feature").recovered.value == pytest.approx(0), "a blind choice"


def test_machine_candidates_are_judged_and_people_learnt_from(label_file: MakeLabels, tmp_path: Path) -> None:
    path = label_file("mixed")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows:
        row["source_type"] = "human" if row["source"] == "delta" else "generator"
    path.write_text("\n".join(map(json.dumps, rows)))
    seen = list(both_sides(read_label_files([path])))
    assert [(len(pool), view) for pool, view in seen[:2]] == [(3, "judged"), (4, "whole")]
    small = enough_to_judge(seen + list(both_sides(read_label_files([label_file("few", contexts=4)]))))
    assert [view for pool, view in small if pool.dataset == "few"] == ["extra"] * 4
    prepared = prepare([path], tmp_path / "cache", annotators={"length": {}}, quiet=True)
    assert len(prepared.examples) == 80
    assert prepared.directions.keys() == {f"length.{c.name}" for c in ANNOTATORS.build("length").columns}


def test_lamdas_rule_is_the_rankers(made: Trained) -> None:
    pools = [at for at in made.prepared.examples.judged() if made.prepared.examples.matrix.group_sizes[at] > 1]
    rows, found = made.prepared.examples.rows(pools), made.out_of_fold
    scores = policy_scores(made.prepared, found, pools)["3 P(sensible) + P(specific)"]
    np.testing.assert_allclose(scores, 3 * found.sensible[rows] + found.specific[rows])


def test_a_licence_is_quoted_from_where_it_is_stated(tmp_path: Path) -> None:
    path = tmp_path / "PROVENANCE.md"
    path.write_text("# A set\n\n## Licence\nCC BY 4.0,\nwith a note.\n\n## Paper\nNone.\n")
    assert Provenance.read(path) == Provenance(title="A set", licence="CC BY 4.0, with a note.")


def test_a_family_without_choices_and_a_set_without_head_room_do_not_stop_the_training(
    label_file: MakeLabels, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lone = tmp_path / "lone.jsonl"
    rows = [json.loads(line) for line in label_file("lone").read_text().splitlines()]
    lone.write_text("\n".join(json.dumps(row) for row in rows[::4]))
    made = train([label_file("mine"), lone], tmp_path / "bundle", quick(tmp_path / "cache"))
    assert "all contexts with a choice are of one family (mine)" in made.out_of_fold.impossible
    level = train([label_file("mine"), label_file("level", level=True)], tmp_path / "bundle", quick(tmp_path / "cache"))
    assert (
        list(level.compared) == ["mine"] and level.verdict.mean == level.compared["mine"].row(LEARNED).recovered.value
    )
    assert next(iter(not_judged(made))).startswith("Learnt from and not judged: lone")
    assert list(not_judged(level)) == ["Not judged: level, in which no answer is better than another by its labels."]
