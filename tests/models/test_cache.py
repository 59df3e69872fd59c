from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from blender.errors import BlendError
from blender.models import gguf
from blender.models.cache import cache_folder, file_digest, make_once, one_per_process, text_digest
from blender.models.reference import resolve

BUILDER = """
import sys, time
from pathlib import Path
from blender.models.cache import make_once

def build(folder):
    with open(sys.argv[2], "a") as log:
        log.write("built\\n")
    time.sleep(0.5)
    (folder / "whole").write_text("yes")

print((make_once(Path(sys.argv[1]), build) / "whole").read_text())
"""


def test_folder_follows_the_environment_at_call_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BLENDER_CACHE", str(tmp_path / "a"))
    assert cache_folder() == tmp_path / "a"
    monkeypatch.delenv("BLENDER_CACHE")
    assert cache_folder().name == "response-blender"


def test_built_once(tmp_path: Path) -> None:
    calls = []

    def build(folder: Path) -> None:
        calls.append(folder)
        (folder / "x").write_text("1")

    made = make_once(tmp_path / "deep" / "thing", build)
    assert make_once(tmp_path / "deep" / "thing", build) == made
    assert len(calls) == 1
    assert calls[0] != made
    assert (made / "x").read_text() == "1"


def test_a_failed_build_leaves_nothing_and_can_be_tried_again(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("half")
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        make_once(tmp_path / "thing", fail)
    assert not (tmp_path / "thing").exists()
    made = make_once(tmp_path / "thing", lambda folder: (folder / "x").touch())
    assert [file.name for file in made.iterdir()] == ["x"]


def test_what_a_killed_process_left_is_swept_away(tmp_path: Path) -> None:
    left = tmp_path / ".thing.making"
    left.mkdir()
    (left / "half").touch()
    made = make_once(tmp_path / "thing", lambda folder: (folder / "x").touch())
    assert [file.name for file in made.iterdir()] == ["x"]
    assert not left.exists()


@pytest.mark.slow
def test_processes_at_once_build_once_and_all_see_the_whole(tmp_path: Path) -> None:
    log = tmp_path / "log"
    arguments = [sys.executable, "-c", BUILDER, str(tmp_path / "thing"), str(log)]
    running = [subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [process.communicate(timeout=60)[0].strip() for process in running] == ["yes"] * 3
    assert log.read_text() == "built\n"


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    def fill(folder: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(BlendError, match=r"No space left.*BLENDER_CACHE"):
        make_once(tmp_path / "thing", fill)


def test_digest_is_sha256_and_notices_a_change(own_cache: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"one")
    assert file_digest(file) == hashlib.sha256(b"one").hexdigest()
    file.write_bytes(b"two")
    os.utime(file, ns=(1, 1))
    assert file_digest(file) == hashlib.sha256(b"two").hexdigest()
    assert len(list((own_cache / "digests").iterdir())) == 2


def test_digest_is_not_computed_again(own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"one")
    first = file_digest(file)
    monkeypatch.setattr(hashlib, "file_digest", lambda *_: pytest.fail("read again"))
    assert file_digest(file) == first


@pytest.mark.parametrize("left", [b"\0" * 64, b"\xff", b""])
def test_a_digest_that_a_crash_spoilt_is_computed_again(own_cache: Path, tmp_path: Path, left: bytes) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"one")
    digest = file_digest(file)
    (note,) = (own_cache / "digests").iterdir()
    note.write_bytes(left)
    assert file_digest(file) == digest
    assert note.read_text() == digest


def test_digest_without_a_cache_that_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "no-folder").write_text("a file is in the way")
    monkeypatch.setenv("BLENDER_CACHE", str(tmp_path / "no-folder"))
    file = tmp_path / "file"
    file.write_bytes(b"one")
    assert file_digest(file) == hashlib.sha256(b"one").hexdigest()


def test_text_digest_takes_any_text() -> None:
    assert len(text_digest("a", "", "\ud800")) == 16
    assert text_digest("a", "") != text_digest("a")


def test_one_per_process_under_threads() -> None:
    calls: list[str] = []

    @one_per_process
    def load(name: str) -> object:
        calls.append(name)
        time.sleep(0.05)
        return object()

    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(load, "aaaa"))
    assert calls == ["a"]
    assert len(set(map(id, found))) == 1
    assert load("b") is not found[0]


def test_one_per_process_forgets_a_failure() -> None:
    answers: Iterator[str | Exception] = iter([ValueError("not yet"), "loaded"])

    @one_per_process
    def load() -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with pytest.raises(ValueError, match="not yet"):
        load()
    assert load() == "loaded"


def test_what_is_converted_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BLENDER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(gguf, "_convert", lambda *_: None)
    (tmp_path / "some.gguf").write_bytes(b"GGUF")
    folder = gguf.convert_gguf(resolve(str(tmp_path / "some.gguf")))
    assert folder.is_relative_to(tmp_path / "cache")
    assert capsys.readouterr().err.startswith(f"converting some.gguf into {folder}, once")
    assert gguf.convert_gguf(resolve(str(tmp_path / "some.gguf"))) == folder
    assert capsys.readouterr().err == ""
