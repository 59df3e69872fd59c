"""`blend abstain` and `blend recalibrate`, on a bundle trained for the purpose."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest

from blender.bundle import load_bundle
from blender.engine import Blender
from blender.errors import BadInput
from blender.serving.about import trained_on
from blender.serving.abstain_command import write_min_sensible
from blender.serving.cli import main
from blender.serving.judged_choices import machine_pools, winners
from blender.settings import Settings
from blender.training.pipeline import TrainSettings, train
from blender.training.search import GRID
from tests.training.conftest import write_labels

SOURCES = ("alpha", "beta", "gamma", "delta")
SETTINGS = """# mine
bundle = "bundle"   # as trained
[guards.empty]
[annotators.length]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Settings, a bundle trained on one set of labels, and another set."""
    made = tmp_path_factory.mktemp("judged")
    settings = TrainSettings(annotators={"length": {}}, grid=GRID[:1], cache=made / "cache", quiet=True)
    train([write_labels(made, "theirs", 60)], made / "bundle", settings)
    (made / "mine.toml").write_text(SETTINGS)
    write_labels(made, "mine", 200, seed=1)
    return made


@pytest.mark.slow
def test_a_certified_value_is_written_and_used(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = folder / "mine.toml"
    code = main(["abstain", str(folder / "mine.jsonl"), "--blender", str(mine), "--risk", "0.2", "--write"])
    said = capsys.readouterr().out
    assert code == 0 and "at most 20% of the given answers are not sensible" in said
    written = tomllib.loads(mine.read_text())
    assert 0 <= written["min_sensible"] < 1
    assert "# mine" in mine.read_text() and "# as trained" in mine.read_text()
    loaded = Blender.of(Settings.read(mine))
    pools = machine_pools([folder / "mine.jsonl"])
    found = winners(pools, loaded)
    given = [one.winner is not None for one in loaded.choose_pools([pool.pool for pool in pools])]
    assert sum(given) == (found.scores >= written["min_sensible"]).sum() > 0
    assert found.unlabelled == found.doubles == 0


@pytest.mark.slow
def test_few_labels_prove_nothing_and_the_exit_code_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = folder / "few.jsonl"
    few.write_text("\n".join((folder / "mine.jsonl").read_text().splitlines()[:40]) + "\n")
    assert main(["abstain", str(few), "--blender", str(folder / "mine.toml"), "--risk", "0.05"]) == 1
    assert "10 labelled contexts do not prove" in capsys.readouterr().out


@pytest.mark.slow
def test_labels_of_the_training_prove_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["abstain"], ["recalibrate", "--out", str(folder / "not")]):
        verb, *rest = command
        assert main([verb, str(folder / "theirs.jsonl"), "--blender", str(folder / "mine.toml"), *rest]) == 2
        assert "has seen theirs" in capsys.readouterr().err
    assert not (folder / "not").exists()
    renamed = folder / "renamed.jsonl"
    renamed.write_text((folder / "theirs.jsonl").read_text())
    assert main(["abstain", str(renamed), "--blender", str(folder / "mine.toml")]) == 2
    assert "has seen renamed.jsonl" in capsys.readouterr().err


@pytest.mark.slow
def test_recalibrating_makes_a_new_bundle_that_chooses_the_same(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [json.loads(line) for line in (folder / "mine.jsonl").read_text().splitlines()]
    strict = tmp_path / "strict.jsonl"
    strict.write_text("\n".join(json.dumps({**row, "sensible": row["sensible"] / 3}) for row in rows[:100]) + "\n")
    new = tmp_path / "new"
    call = ["recalibrate", str(strict), "--out", str(new), "--blender", str(folder / "bundle")]
    assert main([*call[:4], "--blender", str(folder / "mine.toml")]) == 0
    assert "P(sensible): log-odds shifted by -" in capsys.readouterr().out
    old, made = load_bundle(folder / "bundle").ranker, load_bundle(new).ranker
    pools = machine_pools([folder / "mine.jsonl"])[:20]
    matrix = Blender.of(Settings.read(folder / "mine.toml")).choose_pools([pools[0].pool])[0].matrix
    assert (old.score(matrix).value == made.score(matrix).value).all()
    assert float(made.score(matrix).sensible.mean()) < float(old.score(matrix).sensible.mean()) - 0.1
    assert main([*call[:4], "--blender", str(folder / "mine.toml")]) == 2
    assert "is a bundle already" in capsys.readouterr().err


@pytest.fixture(scope="module")
def with_own(folder: Path) -> Path:
    """Settings with sources of the names in the labels, and a bundle for their pools."""
    adapted = write_labels(folder, "adapted", 40, seed=2)
    assert main(["adapt", str(adapted), "--blender", str(folder / "mine.toml"), "--out", str(folder / "own")]) == 0
    head = 'bundle = "bundle"\n[ranker]\nown = "own"\n[guards.empty]\n[annotators.length]\n'
    sources = (f'[sources.{name}]\nuse = "canned"\nanswers = {{en = ["a"]}}\n' for name in SOURCES)
    (folder / "own.toml").write_text(head + "".join(sources))
    return folder / "own.toml"


def renamed(folder: Path, to: Path, prefixes: Sequence[str]) -> Path:
    """The labels of ``mine``, once for each prefix to the names of its dialogs and sources."""
    rows = [json.loads(line) for line in (folder / "mine.jsonl").read_text().splitlines()]
    each = [row | {name: one + row[name] for name in ("dialog_id", "source")} for one in prefixes for row in rows]
    to.write_text("".join(json.dumps(row) + "\n" for row in each))
    return to


@pytest.mark.slow
@pytest.mark.parametrize(("prefix", "start"), [("", "own"), ("x", "bundle")])
def test_the_sources_of_candidates_say_which_bundle_is_meant(
    with_own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], prefix: str, start: str
) -> None:
    labels = renamed(with_own.parent, tmp_path / "labels.jsonl", [prefix])
    main(["abstain", str(labels), "--blender", str(with_own), "--risk", "0.2"])
    assert ("Ranked as its replies are" in capsys.readouterr().out) == (start == "own")
    assert main(["recalibrate", str(labels), "--out", str(tmp_path / "new"), "--blender", str(with_own)]) == 0
    matrix = Blender.of(Settings.read(with_own)).choose_pools([machine_pools([labels])[0].pool])[0].matrix
    each = [load_bundle(path).ranker for path in (with_own.parent / start, tmp_path / "new")]
    assert (each[0].score(matrix).value == each[1].score(matrix).value).all(), "it chooses as what it was made of"


@pytest.mark.slow
def test_labels_of_replies_and_of_others_are_not_taken_together(
    with_own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = renamed(with_own.parent, tmp_path / "labels.jsonl", ["", "x"])
    assert main(["abstain", str(labels), "--blender", str(with_own)]) == 2
    assert "of 200 of 400 contexts" in capsys.readouterr().err


def test_a_rule_gives_no_probabilities(rule: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = write_labels(tmp_path, contexts=5)
    assert main(["abstain", str(labels), "--blender", str(rule)]) == 2
    assert "does not give P(sensible)" in capsys.readouterr().err
    assert main(["abstain", str(labels), "--blender", "default", "--write"]) == 2
    assert "--write needs a settings file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--risk", "3", "must lie between 0 and 1 (both excluded), is 3"),
        ("--risk", "1e-09", "must be at least 0.0001, is 1e-09"),
        ("--delta", "0", "must lie between 0 and 1 (both excluded), is 0"),
    ],
)
def test_a_promise_that_cannot_be_is_refused_before_the_work(
    option: str, value: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["abstain", str(write_labels(tmp_path, contexts=5)), option, value]) == 2
    said = capsys.readouterr().err
    assert f"{option[2:]} {says}" in said and "loading" not in said


def test_one_context_of_a_conversation_counts(blender: Blender, tmp_path: Path) -> None:
    row = {"response": "Yes.", "source": "a", "source_type": "generator", "sensible": 1}
    contexts = [["Hi!", "Hello.", "Tea?"], ["Hi!", "Hello.", "Tea?", "No.", "Why?"], ["Bye!", "Stay.", "No."], ["Hm?"]]
    rows = [{**row, "dialog_id": f"d{at}", "context": turns} for at, turns in enumerate(contexts)]
    path = tmp_path / "labels.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    found = winners(machine_pools([path]), blender)
    assert (len(found.sensible), found.doubles) == (3, 1)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("locale = 'en'\n[guards.empty]\n", "min_sensible = 0.25\nlocale = 'en'\n[guards.empty]\n"),
        (
            "min_sensible   = 0.9  # old\n[a]\nmin_sensible = 1\n",
            "min_sensible   = 0.25  # old\n[a]\nmin_sensible = 1\n",
        ),
        ("min_sensible=0.9# old\r\nlocale = 'en'\r\n", "min_sensible=0.25# old\r\nlocale = 'en'\r\n"),
        ("locale = 'en'\r\n", "min_sensible = 0.25\r\nlocale = 'en'\r\n"),
        ("\ufefflocale = 'en'\n", "\ufeffmin_sensible = 0.25\nlocale = 'en'\n"),
        ("", "min_sensible = 0.25\n"),
        ("  min_sensible = 0.9\n", "  min_sensible = 0.25\n"),
    ],
)
def test_only_the_one_line_of_a_settings_file_changes(tmp_path: Path, before: str, after: str) -> None:
    path = tmp_path / "s.toml"
    path.write_bytes(before.encode())
    path.chmod(0o600)
    link = tmp_path / "link.toml"
    link.symlink_to(path)
    write_min_sensible(link, 0.25)
    assert path.read_bytes().decode() == after and link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "beside"), [("first", {}), ("own", {}), ("own_first", {"first": "fast", "own": "default"})]
)
def test_what_any_of_the_bundles_has_seen_is_known(folder: Path, key: str, beside: dict[str, str]) -> None:
    blender = Blender.of(Settings(bundle="default", ranker={**beside, key: str(folder / "bundle")}))
    assert "theirs.jsonl" in trained_on(blender)


def test_what_cannot_be_edited_safely_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    for text, why in (
        ("a = [", "cannot be read"),
        ('note = """\nmin_sensible = 1\n"""\n', "set min_sensible = 0.25 by hand"),
        ('"min_sensible" = 1\n', "set min_sensible = 0.25 by hand"),
    ):
        path.write_text(text)
        with pytest.raises(BadInput, match=why):
            write_min_sensible(path, 0.25)
        assert path.read_text() == text
