from __future__ import annotations

import numpy as np
import pytest

from blender.index.collapse import same_meaning, same_text
from blender.matrix import Floats


def at_angles(*degrees: float) -> Floats:
    turned = np.radians(degrees)
    return np.stack([np.cos(turned), np.sin(turned)], axis=1).astype(np.float32)


def test_case_punctuation_and_spacing_do_not_part_texts() -> None:
    fresh, rows = same_text({"hello": 0}, ["Hello!", "bye", "Bye.", " HELLO ", "Bye?"])
    assert fresh == [1, 4]
    assert rows.tolist() == [0, 1, 1, 0, 2]


def test_a_close_row_joins_the_earlier_one() -> None:
    texts = ["x"] * 3
    assert same_meaning(at_angles(0, 90, 5), texts, 0, 0.97).tolist() == [0, 1, 0]


def test_a_chain_of_small_steps_does_not_join_its_ends() -> None:
    texts = ["x"] * 3  # cos 10 degrees = 0.985, cos 20 degrees = 0.940
    assert same_meaning(at_angles(0, 10, 20), texts, 0, 0.97).tolist() == [0, 0, 2]


def test_a_question_does_not_join_a_statement() -> None:
    assert same_meaning(at_angles(0, 1), ["You do.", "You do?"], 0, 0.97).tolist() == [0, 1]


def test_known_rows_stay_and_one_switches_it_off() -> None:
    texts = ["x"] * 3
    assert same_meaning(at_angles(0, 1, 2), texts, 2, 0.97).tolist() == [0, 1, 1]
    assert same_meaning(at_angles(0, 0, 0), texts, 0, 1.0).tolist() == [0, 1, 2]


def test_however_many_copies_there_are_one_stays() -> None:
    generator = np.random.default_rng(0)
    near = generator.normal(size=64) + 0.05 * generator.normal(size=(200, 64))
    vectors = (near / np.linalg.norm(near, axis=1, keepdims=True)).astype(np.float32)
    assert same_meaning(vectors, [f"x{at}" for at in range(200)], 0, 0.97).tolist() == [0] * 200


def test_what_the_encoder_cannot_tell_apart_stays_and_is_told(caplog: pytest.LogCaptureFixture) -> None:
    texts = ["\N{GRINNING FACE}", "\N{POUTING FACE}", "Yes!", "yes"]
    assert same_meaning(at_angles(0, 0, 90, 90), texts, 0, 0.97).tolist() == [0, 1, 2, 2]
    assert "1 of 4 texts" in caplog.text
