from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from blender.judging.families import seen_in_training
from blender.judging.labels import read_labels
from blender.serving.cli import main
from blender.serving.judged_run import BLENDER, policies, read_run
from blender.serving.record import read_answers
from blender.serving.standings import labels_in

SOURCES = ("short", "long")


def labelled_rows(contexts: int = 12) -> list[dict[str, Any]]:
    """The long answer is the better one, but in every fourth context."""
    return [
        {
            "dialog_id": f"c{n}",
            "context": [f"What about the number {n}?"],
            "response": "Fine." if source == "short" else f"I like {n} because it is so very round.",
            "source": source,
            "source_type": "generator" if source == "short" else "retrieval",
            "sensible": float((source == "long") != (n % 4 == 0)),
            "specific": float((source == "long") != (n % 4 == 0)),
        }
        for n in range(contexts)
        for source in SOURCES
    ]


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    path = tmp_path / "mine.jsonl"
    path.write_bytes(b"\n".join(map(msgspec.json.encode, labelled_rows())))
    return path


def run(labels: Path, rule: Path, out: Path) -> int:
    return main(["evaluate", str(labels), "--bundle", str(rule), "--out", str(out), "--batch", "5"])


def test_labelled_rows_are_told_from_dialogs(labels: Path, tmp_path: Path) -> None:
    assert len(labels_in(labels) or []) == 12
    dialogs = tmp_path / "dialogs.jsonl"
    for other in (b'{"turns": ["Hi!"]}', b"", b"rubbish"):
        dialogs.write_bytes(other)
        assert labels_in(dialogs) is None


def test_labelled_rows_that_do_not_say_their_language_have_the_one_given(
    labels: Path, rule: Path, tmp_path: Path
) -> None:
    rows = [*labelled_rows(1), *({**row, "dialog_id": "said", "locale": "de"} for row in labelled_rows(1))]
    labels.write_bytes(b"\n".join(map(msgspec.json.encode, rows)))
    assert [each.pool.dialog.locale for each in labels_in(labels) or []] == ["en", "de"]
    assert [each.pool.dialog.locale for each in labels_in(labels, "ru") or []] == ["ru", "de"]
    out = tmp_path / "out"
    assert main(["evaluate", str(labels), "--bundle", str(rule), "--out", str(out), "--locale", "ru"]) == 0
    first, second = (record.notes for record in read_answers(out / "answers.jsonl"))
    assert any("'ru'" in note for note in first) and any("'de'" in note for note in second)


def test_head_room_is_printed_and_kept(
    labels: Path, rule: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(labels, rule, tmp_path / "out") == 0
    kept = msgspec.json.decode((tmp_path / "out" / "standings.json").read_bytes())
    table = kept["all candidates"]
    rows = {row["policy"]: row["recovered"]["value"] for row in table["rows"]}
    # Right in 9 of 12 contexts (+1), wrong in 3 (-1).
    assert rows[BLENDER] == rows["longest"] == rows["source long"] == rows["best source"] == pytest.approx(0.5)
    assert rows["shortest"] == rows["source short"] == pytest.approx(-0.5)
    assert "random" in rows
    assert "average" not in rows and "perplexity" not in rows  # this run measured length alone
    assert "machine candidates only" not in kept  # all are
    shown = capsys.readouterr().out
    assert "Head-room recovered, all candidates" in shown
    assert max(map(len, shown.splitlines())) <= 130


def test_a_random_choice_counts_as_its_expectation(labels: Path, rule: Path, tmp_path: Path) -> None:
    """One draw from an odd number of pairs is never worth nothing."""
    labels.write_bytes(b"\n".join(map(msgspec.json.encode, labelled_rows(13))))
    assert run(labels, rule, tmp_path / "out") == 0
    kept = msgspec.json.decode((tmp_path / "out" / "standings.json").read_bytes())
    found = {row["policy"]: row["recovered"] for row in kept["all candidates"]["rows"]}
    assert found["random"] == {"value": 0, "low": 0, "high": 0}


def test_machine_candidates_stand_apart_from_human_ones(labels: Path, rule: Path, tmp_path: Path) -> None:
    rows = [
        {**row, "dialog_id": f"{row['dialog_id']}", "response": "Human words.", "source": "ann", "source_type": "human"}
        for row in labelled_rows()[::2]
    ]
    labels.write_bytes(b"\n".join(map(msgspec.json.encode, [*labelled_rows(), *rows])))
    assert run(labels, rule, tmp_path / "out") == 0
    kept = msgspec.json.decode((tmp_path / "out" / "standings.json").read_bytes())
    assert kept["all candidates"]["candidates"] == 36
    machine = kept["machine candidates only"]
    assert machine["candidates"] == 24
    assert {row["policy"] for row in machine["rows"]} >= {BLENDER, "longest", "source long"}
    assert "source ann" not in {row["policy"] for row in machine["rows"]}


def test_a_resumed_run_is_judged_as_a_whole(labels: Path, rule: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(labels, rule, out) == 0
    whole = (out / "standings.json").read_bytes()
    lines = (out / "answers.jsonl").read_bytes()
    (out / "answers.jsonl").write_bytes(lines[: len(lines) // 2])
    assert run(labels, rule, out) == 0
    assert (out / "standings.json").read_bytes() == whole


def test_what_is_blocked_is_not_chosen(labels: Path, tmp_path: Path) -> None:
    short_only = tmp_path / "short.toml"
    short_only.write_text('ranker = {use = "longest"}\n[guards.block_list]\nphrases = ["round"]\n')
    out = tmp_path / "out"
    assert run(labels, short_only, out) == 0
    found = read_run(read_labels(labels), out / "answers.jsonl")
    assert all(np.argmax(values) == 0 for values in found.chosen)
    assert not any(np.isfinite(values[1]) for values in found.chosen)
    assert found.lamda is None  # a rule gives no probabilities
    assert found.matrix.columns[0] == "length.words" and found.matrix.values.shape[0] == 24


def test_labels_pick_a_rule_on_other_contexts_only(labels: Path, rule: Path, tmp_path: Path) -> None:
    """In even contexts only `short` is right, in odd ones only `long`: picked by one half, all wrong on the other."""
    rows = labelled_rows(8)
    for row in rows:
        even = int(row["dialog_id"][1:]) % 2 == 0
        row["sensible"] = row["specific"] = float((row["source"] == "short") == even)
    labels.write_bytes(b"\n".join(map(msgspec.json.encode, rows)))
    assert run(labels, rule, tmp_path / "out") == 0
    found = policies(read_run(read_labels(labels), tmp_path / "out" / "answers.jsonl"))
    right = [0 if n % 2 == 0 else 1 for n in range(8)]
    assert [int(np.argmax(values)) for values in found["best source"]] == [1 - at for at in right]


def test_without_head_room_there_is_nothing_to_compare(
    labels: Path, rule: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{**row, "sensible": 1.0, "specific": 1.0} for row in labelled_rows()]
    labels.write_bytes(b"\n".join(map(msgspec.json.encode, rows)))
    assert run(labels, rule, tmp_path / "out") == 0
    shown = capsys.readouterr().out
    assert "nothing to compare, none of 12 contexts" in shown and "nan" not in shown
    assert msgspec.json.decode((tmp_path / "out" / "standings.json").read_bytes())["all candidates"]["flat"] == 12


def test_standings_that_cannot_be_kept_are_named_and_leave_nothing(
    labels: Path, rule: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    (out / "standings.json").mkdir(parents=True)
    assert run(labels, rule, out) == 2
    assert "standings.json cannot be written" in capsys.readouterr().err
    assert not [path.name for path in out.iterdir() if "making" in path.name]


def test_records_of_labelled_pools_keep_the_slices(labels: Path, rule: Path, tmp_path: Path) -> None:
    rows = [{**row, "slices": {"cluster": "3"}} for row in labelled_rows(2)]
    labels.write_bytes(b"\n".join(map(msgspec.json.encode, rows)))
    assert run(labels, rule, tmp_path / "out") == 0
    assert [each.slices for each in read_answers(tmp_path / "out" / "answers.jsonl")] == [{"cluster": "3"}] * 2


def test_all_problems_of_a_label_file_come_together(
    labels: Path, rule: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = labelled_rows(3)
    rows[1]["sensible"], rows[4]["colour"] = 7.0, "red"
    labels.write_bytes(b"\n".join(map(msgspec.json.encode, rows)))
    assert run(labels, rule, tmp_path / "out") == 2
    said = capsys.readouterr().err
    assert f"{labels}, line 2" in said and f"{labels}, line 5" in said


def test_what_a_ranker_saw_in_training_is_told(labelled: Path) -> None:
    pools = [pool for pool in read_labels(labelled / "usr-personachat.jsonl") if pool.family == "personachat"]
    assert seen_in_training(pools, ["dstc10-persona.jsonl"]) == ("personachat",)
    assert seen_in_training(pools, ["grade"]) == ("personachat",)  # a part of it is of that family
    assert seen_in_training(pools, ["dstc7", "fed-turn"]) == ()


@pytest.mark.slow
def test_a_public_set_is_judged_beside_a_rater_and_the_ceiling(
    labelled: Path, rule: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(labelled / "usr-personachat.jsonl", rule, tmp_path / "out") == 0
    shown = capsys.readouterr().out
    assert "gated SSA per rater" in shown and "machine candidates only" in shown
    assert "One rater, judged by the others" in shown and "Noise ceiling" in shown
    kept = msgspec.json.decode((tmp_path / "out" / "standings.json").read_bytes())
    rows = {row["policy"]: row["recovered"]["value"] for row in kept["machine candidates only"]["rows"]}
    assert rows[BLENDER] == pytest.approx(rows["longest"])
