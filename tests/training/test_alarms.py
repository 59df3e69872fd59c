from __future__ import annotations

import json
from pathlib import Path

from blender.judging.alarms import Alarm
from blender.training.alarms import SPLIT, lines, training_alarms
from blender.training.pipeline import Trained, train
from tests.training.conftest import quick, write_labels


def test_the_card_says_that_length_explains_labels_and_ranker(made: Trained) -> None:
    card = (made.folder / "CARD.md").read_text()
    assert "## Alarms" in card
    for dataset in ("one", "two"):
        assert f"- {dataset}, serious: The length of an answer goes with the human score (Spearman +0.9" in card
        assert f"- {dataset}, serious: The length of an answer goes with the ranker's score" in card


def test_a_clean_card_says_so() -> None:
    assert any(line.startswith("None: ") for line in lines({}))


def test_contexts_of_one_family_that_fall_apart_in_the_folds_are_found(tmp_path: Path) -> None:
    """The conversations begin otherwise, so the folds keep them apart; their last two turns are the same."""
    path = write_labels(tmp_path, "one")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    ends = ["We rowed the green boat down to the river.", "And did you see the old mill there at all?"]
    for row in rows:
        number = int(row["dialog_id"].split("-")[1])
        if number < 8:
            row["context"] = [f"Opening {number} about the walk.", f"Second {number} about tea.", "So?", *ends][1:]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    trained = train([path], tmp_path / "bundle", quick(tmp_path / "cache"))
    raised = training_alarms(trained.prepared, trained.out_of_fold)
    assert {alarm.kind for alarm in raised[SPLIT]} == {"split"}
    assert "- all sets, serious: 1 of " in (trained.folder / "CARD.md").read_text()


def test_what_a_column_does_in_several_sets_is_one_line() -> None:
    def missing(column: str) -> Alarm:
        return Alarm(kind="missing", severity="warning", what="...", evidence={"column": column, "share": 1.0})

    rows = list(lines({"one": (missing("a.x"), missing("a.y")), "two": (missing("a.x"),)}))
    assert "- unknown for nearly all candidates: a.x (one, two); a.y (one)." in rows
    assert len([row for row in rows if row.startswith("- ")]) == 1
