from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender.engine import Blender
from blender.matrix import FeatureMatrix
from blender.records import Candidate, Dialog, Pool
from blender.selection import number
from blender.serving.record import AnswerRecord, answer_record, digest, read_answers


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_float32_reads_back_as_itself(value: float) -> None:
    written = msgspec.json.decode(msgspec.json.encode(number(value)))
    assert np.float32(written) == np.float32(value)


def test_numbers_are_short_and_json_has_no_nan() -> None:
    assert number(float(np.float32(0.3))) == 0.3
    assert number(float("nan")) is None
    assert number(float("inf")) is None


def test_a_record_holds_all_that_led_to_the_answer(blender: Blender) -> None:
    dialog = Dialog.of(["Hi! Any trail you would recommend?"], id="d1")
    given = [Candidate(text="Yes."), Candidate(text="The north ridge.", source="me"), Candidate(text=dialog.last)]
    selection = blender.choose_pools([Pool(dialog=dialog, candidates=tuple(given))])[0]
    record = answer_record(selection, asked="abc", bundle="b1")
    assert (record.id, record.asked, record.text, record.source, record.winner) == (
        "d1", "abc", "The north ridge.", "me", 1
    )  # fmt: skip
    assert [bool(each.blocked) for each in record.pool] == [False, False, True]
    assert record.pool[1].features["length.words"] == 3
    assert record.sensible is None  # a rule gives no probabilities
    assert record.seconds and record.why
    assert msgspec.json.decode(msgspec.json.encode(record), type=AnswerRecord) == record
    assert msgspec.json.encode(record).rindex(b'"seconds"') > msgspec.json.encode(record).rindex(b'"bundle"')


def test_a_log_of_choices_is_a_file_of_answers(blender: Blender, tmp_path: Path) -> None:
    choice = blender.choose(["Hi! Any trail?"], candidates=["Yes.", "The north ridge."])
    (tmp_path / "log.jsonl").write_text(json.dumps(choice.as_dict()) + "\n")
    (record,) = read_answers(tmp_path / "log.jsonl")
    assert record == answer_record(choice, asked="", bundle="")


def test_the_digest_tells_what_was_asked_apart() -> None:
    dialog = Dialog.of("Hi!")
    asked = [
        digest(dialog),
        digest(dialog, []),
        digest(dialog, [Candidate(text="a")]),
        digest(dialog, [Candidate(text="a", source="b")]),
        digest(Dialog.of("Hi!", facts=["x"])),
        digest(Dialog.of("Hi")),
    ]
    assert len(set(asked)) == len(asked)
    assert digest(Dialog.of("Hi!")) == digest(dialog)


@pytest.mark.parametrize("candidates", [[], ["only this one"]])
def test_small_pools_have_records(blender: Blender, candidates: list[str]) -> None:
    record = answer_record(blender.choose("Hi!", candidates), asked="", bundle="")
    assert (record.winner is None) == (not candidates)
    assert record.notes


def test_coordinates_of_points_are_not_written(blender: Blender) -> None:
    selection = blender.choose("Hi!", ["Hello.", "Hey there."])
    matrix = selection.matrix
    points = np.ones((len(matrix), 2), dtype=np.float32)
    wider = FeatureMatrix(
        values=np.hstack([matrix.values, points]),
        columns=(*matrix.columns, "states.mean#0", "states.mean#1"),
        group_sizes=matrix.group_sizes,
    )
    record = answer_record(replace(selection, matrix=wider), asked="", bundle="")
    assert [tuple(each.features) for each in record.pool] == [matrix.columns] * 2
