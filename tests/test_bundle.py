"""Bundles: written and read back, and every kind of damage refused by name."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest

import blender.bundle as bundles
from blender.bundle import Bundle, load_bundle, save_bundle
from blender.errors import BadBundle, ColumnMismatch, MissingPackage
from blender.features import ANNOTATORS
from blender.manifest import sha256
from blender.matrix import FeatureMatrix
from blender.ranker import LearnedRanker
from blender.terms import Curve, Head, Linear, Trees
from blender.versions import since, versions

COLUMNS = ("length.words", "length.characters", "length.sentences", "length.question", "user.price")
READ = ("length.words~z", "length.question", "user.price~rank")


def trees(name: str) -> Trees:
    generator = np.random.default_rng(len(name))
    inputs = generator.normal(size=(200, len(READ)))
    data = lightgbm.Dataset(inputs, inputs[:, 0] + inputs[:, 2] ** 2, feature_name=list(READ))
    booster = lightgbm.train({"num_leaves": 4, "verbose": -1, "num_threads": 1}, data, num_boost_round=5)
    return Trees(columns=READ, texts=(booster.model_to_string(), booster.model_to_string()))


@pytest.fixture(scope="module")
def made() -> Bundle:
    length = ANNOTATORS.build("length")
    curve = Curve(x=np.array([-1.5, 0.1, 2.0]), y=np.array([0.05, 1 / 3, 0.99]))
    probe = Linear(columns=("length.characters",), weights=np.array([-0.7], dtype=np.float32))
    return Bundle(
        ranker=LearnedRanker(
            columns=COLUMNS,
            linear=Linear(columns=("length.words~z",), weights=np.array([0.3], dtype=np.float32)),
            order=trees("order"),
            specific=Head(trees=trees("specific"), curve=curve, probe=probe),
        ),
        annotators={"length": {}},
        fingerprints={"length": length.fingerprint},
        data={"mine.jsonl": "0123456789abcdef"},
        target="gated SSA",
        metrics={"learned": 0.4},
        card="# A card\n",
    )


@pytest.fixture
def saved(made: Bundle, tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    save_bundle(folder, made)
    return folder


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "bundle.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


def test_what_is_loaded_is_what_was_saved(made: Bundle, saved: Path) -> None:
    loaded = load_bundle(saved)
    generator = np.random.default_rng(0)
    matrix = FeatureMatrix(values=generator.normal(size=(7, 5)).astype(np.float32), columns=COLUMNS, group_sizes=(3, 4))
    ours, theirs = made.ranker.score(matrix), loaded.ranker.score(matrix)
    np.testing.assert_array_equal(ours.value, theirs.value)
    np.testing.assert_array_equal(ours.specific, theirs.specific)
    assert np.isnan(theirs.sensible).all()
    assert (loaded.columns, loaded.user_columns) == (COLUMNS, ("user.price",))
    assert (loaded.card, loaded.target, loaded.data, loaded.metrics) == (
        made.card,
        made.target,
        made.data,
        made.metrics,
    )
    assert loaded.versions["lightgbm"] == lightgbm.__version__
    assert len(loaded.fingerprint) == 16
    assert sorted(path.suffix for path in saved.iterdir()) == [".json", ".md", ".txt", ".txt", ".txt", ".txt"]


def test_saving_is_the_same_every_time(made: Bundle, saved: Path, tmp_path: Path) -> None:
    save_bundle(tmp_path / "again", made)
    assert {p.name: p.read_bytes() for p in saved.iterdir()} == {
        p.name: p.read_bytes() for p in (tmp_path / "again").iterdir()
    }


def test_a_bundle_is_replaced_and_nothing_else(made: Bundle, saved: Path, tmp_path: Path) -> None:
    save_bundle(saved, replace(made, card="# Another\n"))
    assert load_bundle(saved).card == "# Another\n"
    other = tmp_path / "precious"
    other.mkdir()
    (other / "letters.txt").write_text("keep me")
    with pytest.raises(BadBundle, match="is not a bundle"):
        save_bundle(other, made)
    assert (other / "letters.txt").read_text() == "keep me"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "precious"]


def test_a_replaced_bundle_keeps_its_permissions_and_a_new_one_gets_the_usual(
    made: Bundle, saved: Path, tmp_path: Path, usual_mask: int
) -> None:
    saved.chmod(0o700)
    save_bundle(saved, made)
    save_bundle(tmp_path / "new", made)
    modes = [path.stat().st_mode & 0o777 for path in (saved, tmp_path / "new", saved / "bundle.json")]
    assert modes == [0o700, 0o777 & ~usual_mask, 0o666 & ~usual_mask]


def test_a_full_disk_changes_nothing(made: Bundle, saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path.name: path.read_bytes() for path in saved.iterdir()}

    def full(path: Path, content: bytes) -> None:
        if path.name == "bundle.json":
            raise OSError(28, "No space left on device")
        path.write_bytes(content)

    monkeypatch.setattr(bundles, "write_flushed", full)
    with pytest.raises(BadBundle, match=r"No space left on device; nothing was changed"):
        save_bundle(saved, replace(made, card="# Another\n"))
    assert {path.name: path.read_bytes() for path in saved.iterdir()} == before
    assert [path.name for path in saved.parent.iterdir()] == ["bundle"]


@pytest.mark.parametrize("name", ["order.0.txt", "specific.1.txt"])
def test_a_truncated_file_is_named(saved: Path, name: str) -> None:
    path = saved / name
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BadBundle, match=rf"{name} is truncated or altered"):
        load_bundle(saved)


def test_a_missing_file_is_named(saved: Path) -> None:
    (saved / "order.1.txt").unlink()
    with pytest.raises(BadBundle, match=r"order\.1\.txt cannot be read"):
        load_bundle(saved)


@pytest.mark.parametrize("card", ["# A card\n\nOur raters were students.\n", None])
def test_the_card_may_be_edited_or_removed(saved: Path, made: Bundle, card: str | None) -> None:
    (saved / "CARD.md").unlink()
    if card:
        (saved / "CARD.md").write_text(card)
    loaded = load_bundle(saved)
    assert (loaded.card, loaded.columns) == (card or "", made.columns)


def test_a_folder_that_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BadBundle, match=r"is no bundle: bundle\.json cannot be read"):
        load_bundle(tmp_path)


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        (lambda m: m.update(format=99), BadBundle, "has format 99, this version reads 1"),
        (lambda m: m.pop("columns"), BadBundle, "missing required field `columns`"),
        (lambda m: m.update(surprise=1), BadBundle, "unknown field `surprise`"),
        (lambda m: m["columns"].remove("length.sentences"), ColumnMismatch, r"Unexpected: length\.sentences"),
        (lambda m: m["columns"].insert(0, "length.letters"), ColumnMismatch, r"Missing: length\.letters"),
        (lambda m: m.update(columns=[*COLUMNS[1::-1], *COLUMNS[2:]]), ColumnMismatch, "column 0 should be"),
        (lambda m: m["columns"].append("rhyme.score"), BadBundle, "do not agree about: rhyme"),
        (lambda m: m["fingerprints"].clear(), BadBundle, "no fingerprint for: length"),
        (lambda m: m["trees"]["order"]["columns"].reverse(), ColumnMismatch, "columns of a tree file"),
        (lambda m: m["trees"].pop("order"), BadBundle, "lists no trees for the order"),
        (lambda m: m["trees"]["specific"]["y"].pop(), BadBundle, "has 3 x and 2 y"),
        (lambda m: m["trees"]["specific"]["y"].reverse(), BadBundle, "calibration of 'specific' does not rise"),
        (lambda m: m["trees"]["specific"]["x"].reverse(), BadBundle, "calibration of 'specific' does not rise"),
        (lambda m: m["trees"]["specific"].update(y=[5.0] * 3), BadBundle, "calibration of 'specific' does not rise"),
        (lambda m: m["columns"].append(m["columns"][0]), ColumnMismatch, "comes more than once"),
        (lambda m: m["linear"]["weights"].append(1.0), BadBundle, "1 columns and 2 weights"),
        (lambda m: m["trees"]["specific"]["probe"]["weights"].clear(), BadBundle, "probe of 'specific' has 1 columns"),
        (lambda m: m["trees"]["specific"].update(after="sensible"), BadBundle, "which is no head before it"),
        (lambda m: m["sha256"].pop("order.0.txt"), BadBundle, r"lists no order\.0\.txt"),
        (lambda m: m["sha256"].update({"../order.0.txt": ""}), BadBundle, "outside the bundle"),
        (lambda m: m["sha256"].update({"order\0.txt": ""}), BadBundle, "outside the bundle"),
    ],
)
def test_a_changed_manifest_is_refused(
    saved: Path, change: Callable[[dict[str, Any]], object], error: type[BadBundle], says: str
) -> None:
    edit(saved, change)
    with pytest.raises(error, match=says):
        load_bundle(saved)


def test_a_truncated_manifest_is_refused(saved: Path) -> None:
    path = saved / "bundle.json"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(BadBundle, match="is broken"):
        load_bundle(saved)


@pytest.mark.parametrize("content", [b'{"\xff": 1}', b'{"format": 1, "columns": ' + b"[" * 9999 + b"]" * 9999 + b"}"])
def test_a_manifest_that_is_no_utf8_or_far_too_deep_is_refused(saved: Path, content: bytes) -> None:
    (saved / "bundle.json").write_bytes(content)
    with pytest.raises(BadBundle, match=r"bundle\.json is broken"):
        load_bundle(saved)


def test_a_file_that_is_no_utf8_is_refused_even_with_its_digest(saved: Path) -> None:
    (saved / "order.0.txt").write_bytes(b"\xff")
    edit(saved, lambda m: m["sha256"].update({"order.0.txt": sha256(b"\xff")}))
    with pytest.raises(BadBundle, match=r"order\.0\.txt is broken: 'utf-8' codec"):
        load_bundle(saved)


def test_trees_of_another_bundle_are_refused_even_with_their_digest(saved: Path) -> None:
    text = (saved / "order.0.txt").read_text().replace("length.words~z", "length.syllables~z")
    (saved / "order.0.txt").write_text(text)
    edit(saved, lambda m: m["sha256"].update({"order.0.txt": sha256(text.encode())}))
    with pytest.raises(ColumnMismatch, match=r"length\.syllables~z"):
        load_bundle(saved)


def test_annotators_at_hand_are_compared_with_those_of_training(saved: Path) -> None:
    loaded = load_bundle(saved)
    loaded.check(loaded.build_annotators())
    with pytest.raises(BadBundle, match="annotator 'length' is not the one"):
        replace(loaded, fingerprints={"length": "f" * 16}).check(loaded.build_annotators())
    with pytest.raises(ColumnMismatch, match=r"Missing: length\.words"):
        loaded.check({})


def test_annotators_of_one_missing_model_are_told_of_in_one_line(
    made: Bundle, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Gone:
        columns = ()

        @property
        def fingerprint(self) -> str:
            raise MissingPackage("pkg:gone is not installed")

    monkeypatch.setattr(bundles, "check_columns", lambda *_: None)
    annotators: dict[str, Any] = {"one": Gone(), "other": Gone()}
    replace(made, annotators={"one": {}, "other": {}}).check(annotators)
    assert [record.getMessage() for record in caplog.records] == [
        "cannot be compared with the bundle's annotators: one, other: pkg:gone is not installed"
    ]


def test_a_copied_bundle_has_the_same_fingerprint(saved: Path, tmp_path: Path) -> None:
    shutil.copytree(saved, tmp_path / "copy")
    assert load_bundle(tmp_path / "copy").fingerprint == load_bundle(saved).fingerprint


def test_a_head_that_comes_after_another_is_read_back_so(made: Bundle, tmp_path: Path) -> None:
    first = Head(trees=trees("sensible"), curve=Curve(x=np.array([-1.0, 1.0]), y=np.array([0.2, 0.8])))
    specific = made.ranker.specific
    assert specific is not None
    after = replace(specific, after=first)
    ranker = replace(made.ranker, sensible=first, specific=after, head_weight=0.5)
    save_bundle(tmp_path / "bundle", replace(made, ranker=ranker))
    read = load_bundle(tmp_path / "bundle").ranker
    matrix = FeatureMatrix(
        values=np.random.default_rng(0).normal(size=(6, len(COLUMNS))).astype(np.float32),
        columns=COLUMNS,
        group_sizes=(4, 2),
    )
    scores, alone = read.score(matrix), replace(ranker, specific=specific).score(matrix)
    np.testing.assert_allclose(scores.specific, after.curve((first.raw(matrix) + specific.raw(matrix)) / 2), rtol=1e-6)
    np.testing.assert_allclose(scores.specific, after.probability(matrix), rtol=1e-6)
    np.testing.assert_array_equal(scores.value, alone.value)  # the order counts each head once
    assert not np.allclose(scores.specific, alone.specific)


def test_what_does_not_go_with_a_bundle_says_which_packages_were_others(
    saved: Path, made: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(saved, lambda m: m["versions"].update({"lightgbm": "9.1.0", "wordfreq": "0.1"}))
    told = r"made with lightgbm 9\.1\.0 \(here .*\), wordfreq 0\.1 \(here "
    loaded = load_bundle(saved)  # other versions alone are no fault
    with pytest.raises(BadBundle, match=told):
        replace(loaded, fingerprints=dict.fromkeys(loaded.fingerprints, "other")).check(loaded.build_annotators())
    text = (saved / "order.0.txt").read_text().replace("is_linear=0", "is_linear=0\nis_new=0")
    (saved / "order.0.txt").write_text(text)
    edit(saved, lambda m: m["sha256"].update({"order.0.txt": sha256(text.encode())}))
    with pytest.raises(BadBundle, match=told):
        load_bundle(saved)
    assert "made with" not in since(made.versions or versions())
