"""Plug-ins of other distributions: what is wrong with one costs that one, and says whose it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from blender.catalogue import Catalogue
from blender.errors import BadInput
from blender.sources import SOURCES

MODULE = """
from dataclasses import dataclass
from types import SimpleNamespace

@dataclass(frozen=True)
class Good:
    columns = (SimpleNamespace(name="loud"),)
    def annotate(self, pools): return None
    @property
    def fingerprint(self): raise AssertionError("models are loaded before anybody measures")

@dataclass(frozen=True)
class Nameless:
    columns = ()
    def annotate(self, pools): return None

@dataclass(frozen=True)
class Comma(Good):
    columns = (SimpleNamespace(name="loud, quiet"),)

@dataclass(frozen=True)
class Relative(Good):
    columns = (SimpleNamespace(name="loud~z"),)

@dataclass(frozen=True)
class Twice(Good):
    columns = (SimpleNamespace(name="loud"), SimpleNamespace(name="loud"))

@dataclass(frozen=True)
class Bare:
    def annotate(self, pools): return None

class Plain:
    columns = ()
    def annotate(self, pools): return None
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Catalogue]:
    """A catalogue beside a distribution with these entry points."""

    def install(**entries: str) -> Catalogue:
        (tmp_path / "others_plugins.py").write_text(MODULE)
        about = tmp_path / "others-1.dist-info"
        about.mkdir()
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: others\nVersion: 1\n")
        lines = "\n".join(f"{name} = {value}" for name, value in entries.items())
        (about / "entry_points.txt").write_text(f"[blender.annotator]\n{lines}\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        return Catalogue("annotator", {"length": "blender.features.length:Length"})

    return install


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ("no_such_module:Thing", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("others_plugins:Absent", "AttributeError"),
        ("others_plugins:Bare", "it has no columns"),
        ("others_plugins:Nameless", "it has no fingerprint"),
        ("others_plugins:Comma", "got 'loud, quiet'"),
        ("others_plugins:Relative", "got 'loud~z'"),
        ("others_plugins:Twice", "two of its columns have one name"),
        ("others_plugins:Plain", "it is no dataclass"),
    ],
)
def test_a_broken_plug_in_is_named_and_the_others_are_listed(
    installed: Callable[..., Catalogue], entry: str, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    catalogue = installed(good="others_plugins:Good", bad=entry)
    with pytest.raises(BadInput, match=r"the annotator 'bad' \(" + entry) as fault:
        catalogue.build("bad")
    assert why in str(fault.value)
    assert list(catalogue.usable()) == ["good", "length"]
    assert any("'bad'" in record.message for record in caplog.records)


def test_an_entry_of_our_own_that_is_broken_is_not_passed_over() -> None:
    with pytest.raises(BadInput, match="the annotator 'mine'"):
        list(Catalogue("annotator", {"mine": "no_such_module:Thing"}).usable())


@pytest.mark.parametrize("name", ["user", "acme.loud", "loud~z"])
def test_a_name_that_no_bundle_can_carry_is_refused(installed: Callable[..., Catalogue], name: str) -> None:
    with pytest.raises(BadInput, match="NAME must be without dots"):
        installed(**{name: "others_plugins:Good"}).build(name)


def test_a_name_that_is_taken_is_told(installed: Callable[..., Catalogue], caplog: pytest.LogCaptureFixture) -> None:
    assert list(installed(length="others_plugins:Good")) == ["length"]
    assert any("its name is taken" in record.message for record in caplog.records)


def test_wrong_settings_are_named_without_the_password_in_another() -> None:
    given = {"base_url": "http://ann:hush@localhost/v1", "model": "m", "extra": {"api_key": "hush"}, "n": "two"}
    with pytest.raises(BadInput, match=r"`\$\.n`; given are base_url, model, extra, n$") as fault:
        SOURCES.build("api", given)
    assert "hush" not in str(fault.value)
