"""Errors as they cross from one process to another."""

from __future__ import annotations

import pickle

import pytest

from blender.errors import BadInput, BlendError, ColumnMismatch, MissingPackage, UnknownName


@pytest.mark.parametrize(
    "error",
    [
        BadInput(["one", "two"]),
        UnknownName("preset", "defalt", ["default"]),
        MissingPackage("pip install it"),
        ColumnMismatch(["a"], ["b"]),
    ],
)
def test_an_error_reaches_a_process_that_waits_for_another(error: BlendError) -> None:
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))
