from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from blender.errors import BadBase, BadInput
from blender.index import build
from blender.index.base import PhraseBase
from blender.index.build import add, build_base, remove
from blender.index.contents import Contents
from blender.index.corpus import Phrase
from blender.index.growing import Grower
from blender.index.place import alone
from blender.index.settings import BaseSettings

PLAIN = BaseSettings(stored=())
Make = Callable[..., Path]


def texts(folder: Path) -> list[str]:
    found: list[str] = PhraseBase.open(folder).contents.phrases["text"].to_pylist()
    return found


def test_files_that_are_of_no_base_are_left_alone(make_base: Make, tmp_path: Path, encoder: Any) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "embeddings.npy").write_text("mine")
    with pytest.raises(BadInput, match=r"holds 'embeddings.npy' and no base; name a new or empty folder"):
        build_base([Phrase(reply="x")], own, PLAIN, encoder=encoder)
    folder = make_base(("Hi.", "Hello."))
    (folder / "embeddings.npy").write_text("mine")
    add(folder, [Phrase(reply="Bye.")], encoder=encoder)
    assert (folder / "embeddings.npy").read_text() == "mine"
    (own / "embeddings.npy").unlink()
    (own / "manifest.json").write_text('{"version": 1, "files": {}}')
    with pytest.raises(BadInput, match="of no base"):
        build_base([Phrase(reply="x")], own, PLAIN, encoder=encoder, overwrite=True)


def test_of_two_that_build_at_once_one_is_refused(
    make_base: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(Grower):
        def grow(self, old: Contents | None, phrases: Sequence[Phrase]) -> Contents:
            with monkeypatch.context() as patch:
                patch.setattr(build, "Grower", Grower)
                make_base(("Hi.", "I was first."))
            return super().grow(old, phrases)

    monkeypatch.setattr(build, "Grower", Slow)
    with pytest.raises(BadInput, match="holds a base already"):
        make_base(("Hi.", "I was second."))
    assert texts(tmp_path / "base") == ["I was first."]


def test_a_base_is_changed_from_inside_its_folder(
    make_base: Make, encoder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_base(("Hi.", "Hello."))
    monkeypatch.chdir(folder)
    entered = Event()

    def enter() -> None:
        with alone(Path()):
            entered.set()

    with ThreadPoolExecutor(1) as pool:
        with alone(folder):
            inside = pool.submit(enter)
            assert not entered.wait(0.3), "who calls it by another name waits"
        inside.result(timeout=10)
    add(".", [Phrase(reply="Bye.")], encoder=encoder)
    assert remove(".", ["Hello."]) == 1
    assert texts(build_base([Phrase(reply="x")], ".", PLAIN, encoder=encoder, overwrite=True).folder) == ["x"]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="the system has no folder in which no file can be made")
@pytest.mark.timeout(20)
def test_a_lock_that_cannot_be_made_is_not_waited_for(encoder: Any) -> None:
    with pytest.raises(BadBase, match="cannot write in /proc: No such file or directory"), alone(Path("/proc/base")):
        pass
    with pytest.raises(BadInput, match="/proc cannot be written to"):
        build_base([Phrase(reply="x")], "/proc/base", PLAIN, encoder=encoder)
