"""Scripts refuse what they cannot do before they work for hours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from blender.errors import BadInput, UnknownName
from blender.training import frontier, robust
from blender.training.axes import make_axes
from blender.training.coherence.train import TailSettings, train_tail
from blender.training.reply.train import SETTINGS, train_reply
from blender.training.safety import __main__ as safety


@pytest.mark.parametrize(
    ("main", "option", "name", "meant"),
    [
        (frontier.main, "only", "deafult", "default"),
        (robust.main, "part", "mising", "missing"),
        (safety.main, "only", "englsh", "english"),
    ],
)
def test_a_name_that_is_not_known_is_refused_before_the_work(
    main: Callable[..., None], option: str, name: str, meant: str, tmp_path: Path
) -> None:
    with pytest.raises(UnknownName, match=f"unknown .* '{name}'; did you mean '{meant}'"):
        main(tmp_path, out=tmp_path, **{option: [name]})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "make",
    [
        lambda out: make_axes("nowhere.jsonl", "pkg:nothing", out),
        lambda out: train_tail("nowhere.jsonl", out, TailSettings(), Console()),
        lambda out: train_reply("nowhere.jsonl", out, SETTINGS, Console()),
    ],
    ids=["axes", "tail", "reply encoder"],
)
def test_a_folder_that_is_there_is_refused_before_the_work(make: Callable[[Path], None], tmp_path: Path) -> None:
    """What was made would be thrown away: nothing is written over."""
    with pytest.raises(BadInput, match="exists; remove it first, or name another folder"):
        make(tmp_path)
