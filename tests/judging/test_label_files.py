"""Several label files at once: read together, refused where labels would count twice, known again by content."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from blender.errors import BadInput
from blender.judging.conversations import conversations
from blender.judging.label_files import files_seen, label_digests, read_label_files


def written(path: Path, turns: list[str], **more: object) -> Path:
    path.parent.mkdir(exist_ok=True)
    rows = [
        {"dialog_id": "d", "context": turns, "response": text, "sensible": place} | more
        for place, text in enumerate(("No.", "Hiking."))
    ]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def test_the_same_labels_are_not_counted_twice_whatever_they_are_called(tmp_path: Path) -> None:
    first, again = written(tmp_path / "a.jsonl", ["Hi!"]), written(tmp_path / "b.jsonl", ["Hi!"])
    with pytest.raises(BadInput, match=r"b\.jsonl holds the same as .*a\.jsonl; give it once"):
        read_label_files([first, again])
    assert len(read_label_files([first])) == 1
    with pytest.raises(BadInput, match="give it once"):
        read_label_files([first, first])
    with pytest.raises(BadInput, match="no label file was named"):
        read_label_files([])


def test_one_id_of_one_set_has_one_context(tmp_path: Path) -> None:
    one, two = (written(tmp_path / name / "labels.jsonl", [turn]) for name, turn in (("x", "Hi!"), ("y", "Bye!")))
    with pytest.raises(BadInput, match="both have a dialog 'd' of the set 'labels', with different contexts"):
        read_label_files([one, two])
    said = written(tmp_path / "y" / "labels.jsonl", ["Bye!"], dataset="other")
    assert [pool.dataset for pool in read_label_files([one, said])] == ["labels", "other"]


def test_files_are_known_again_by_what_they_hold(tmp_path: Path) -> None:
    one, two = (written(tmp_path / name / "labels.jsonl", [turn]) for name, turn in (("x", "Hi!"), ("y", "Bye!")))
    known = label_digests([one, two])
    first, second = known
    assert first == "labels.jsonl" and second.endswith("/labels.jsonl") and known[first] != known[second]
    renamed = tmp_path / "renamed.jsonl"
    renamed.write_bytes(two.read_bytes())
    assert files_seen([renamed, written(tmp_path / "new.jsonl", ["Well?"])], known) == ["renamed.jsonl"]
    assert label_digests([renamed], known) == known


def test_contexts_of_one_dialog_are_one_conversation(tmp_path: Path) -> None:
    grown = [["Hi!"], ["Hi!", "Hello.", "Any plans?"]]
    apart = [written(tmp_path / f"{at}.jsonl", turns) for at, turns in enumerate(grown)]
    assert len(set(conversations(read_label_files(apart)))) == 2
    row = {"response": "Yes.", "sensible": 1, "slices": {"dialog": "r"}}
    rooted = tmp_path / "rooted.jsonl"
    rows = [row | {"dialog_id": f"{at}", "context": turns} for at, turns in enumerate(grown)]
    rooted.write_text("\n".join(map(json.dumps, rows)))
    assert len(set(conversations(read_label_files([rooted])))) == 1


def test_a_greeting_that_everybody_gets_is_no_conversation(tmp_path: Path) -> None:
    greeting, rows = ["Hi!", "How can I help?"], []
    for at in range(5):
        asked = [*greeting, f"I want number {at}."]
        rows += [{"dialog_id": f"{at}", "context": asked}, {"dialog_id": f"{at}+", "context": [*asked, "Why?", "So."]}]
    path = tmp_path / "mine.jsonl"
    path.write_text("\n".join(json.dumps(row | {"response": "Yes.", "sensible": 1}) for row in rows))
    found = conversations(read_label_files([path]))
    assert len(set(found)) == 5 and found[::2] == found[1::2]


def test_few_long_conversations_stay_whole(tmp_path: Path) -> None:
    turns = [[f"{what} {at}" for at in range(6)] for what in ("Tea", "Rain", "Cats")]
    contexts = [each[:size] for each in turns for size in range(2, 7)]
    row = {"response": "Yes.", "sensible": 1}
    rows = [row | {"dialog_id": f"{at}", "context": each} for at, each in enumerate(contexts)]
    path = tmp_path / "mine.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    found = conversations(read_label_files([path]))
    assert len(set(found)) == 3 and [found.count(each) for each in dict.fromkeys(found)] == [5, 5, 5]


def test_dialogs_of_two_sets_with_one_number_are_two(tmp_path: Path) -> None:
    both = [written(tmp_path / f"{name}.jsonl", [f"Hi {name}!"], slices={"dialog": "0"}) for name in "ab"]
    assert len(set(conversations(read_label_files(both)))) == 2
