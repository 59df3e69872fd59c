from __future__ import annotations

import numpy as np

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
    texts = dict.fromkeys(range(3), "x")
    assert same_meaning(at_angles(0, 90, 5), texts, 0, 0.97).tolist() == [0, 1, 0]


def test_a_chain_of_small_steps_does_not_join_its_ends() -> None:
    texts = dict.fromkeys(range(3), "x")  # cos 10 degrees = 0.985, cos 20 degrees = 0.940
    assert same_meaning(at_angles(0, 10, 20), texts, 0, 0.97).tolist() == [0, 0, 2]


def test_a_question_does_not_join_a_statement() -> None:
    assert same_meaning(at_angles(0, 1), {0: "You do.", 1: "You do?"}, 0, 0.97).tolist() == [0, 1]


def test_known_rows_stay_and_one_switches_it_off() -> None:
    texts = dict.fromkeys(range(3), "x")
    assert same_meaning(at_angles(0, 1, 2), texts, 2, 0.97).tolist() in ([0, 1, 1], [0, 1, 0])
    assert same_meaning(at_angles(0, 0, 0), texts, 0, 1.0).tolist() == [0, 1, 2]
