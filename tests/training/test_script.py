"""Scripts refuse what they cannot do before they work for hours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from blender.errors import UnknownName
from blender.training import frontier, robust
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
