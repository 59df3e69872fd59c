from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from blender.errors import BadInput, BlendError
from blender.manifest import replacing
from blender.outputs import check_folder, check_new_file, check_place, written_aside


def test_a_new_file_may_be_written_in_a_folder_yet_to_be_made(tmp_path: Path) -> None:
    check_new_file(tmp_path / "some" / "where" / "new.jsonl")
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_stays_unless_it_may_go_and_what_is_read_always(tmp_path: Path) -> None:
    there = tmp_path / "labels.jsonl"
    there.write_text("labels")
    with pytest.raises(BadInput, match="exists; name another file, or replace it with --overwrite"):
        check_new_file(there)
    check_new_file(there, overwrite=True, read=[tmp_path / "other.jsonl"])
    (tmp_path / "link").symlink_to(there)
    with pytest.raises(BadInput, match="is what is read"):
        check_new_file(tmp_path / "link", overwrite=True, read=[there])
    with pytest.raises(BadInput, match="is a folder; name a file"):
        check_new_file(tmp_path, overwrite=True)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_pipe_or_a_device_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(os.devnull)
    for name in ("pipe", "link"):
        with pytest.raises(BadInput, match=f"{name} is a pipe or a device; name a file"):
            check_new_file(tmp_path / name, overwrite=True)


def test_a_place_below_a_file_or_that_may_not_be_written_to_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="is a file, not a folder"):
        check_place(tmp_path / "file" / "deep" / "new")
    with monkeypatch.context() as patch:  # root may write everywhere
        patch.setattr(tempfile, "TemporaryFile", _refused)
        with pytest.raises(BadInput, match=r"new cannot be made: .* cannot be written to \(Permission denied\)"):
            check_place(tmp_path / "new")
    with pytest.raises(BadInput, match="is a file; name a folder"):
        check_folder(tmp_path / "file")
    check_folder(tmp_path / "new" / "folder")
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="the system has no folder in which no file can be made")
def test_a_place_in_which_rights_are_of_no_use_is_refused() -> None:
    with pytest.raises(BadInput, match="/proc cannot be written to"):
        check_place(Path("/proc/bundle"))


def _refused(**_: object) -> None:
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def test_what_could_not_be_written_leaves_nothing_and_says_which_file(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_text("before")
    with pytest.raises(BlendError, match=r"labels\.jsonl cannot be written: No space"), written_aside(path) as aside:
        aside.write_text("half")
        assert aside.name.startswith(".labels.jsonl-")  # should the process be killed now, it can be told what this was
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("labels.jsonl", "before")]


def test_what_is_replaced_keeps_its_permissions_and_what_is_new_gets_the_usual(tmp_path: Path, usual_mask: int) -> None:
    (tmp_path / "old").touch()
    (tmp_path / "old").chmod(0o600)
    for name in ("old", "new"):
        with written_aside(tmp_path / name) as aside:
            aside.write_text("text")
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("old", "new")] == [0o600, 0o666 & ~usual_mask]


@pytest.mark.parametrize("writing", [written_aside, replacing])
def test_what_killed_processes_left_goes_after_a_day(
    writing: Callable[[Path], AbstractContextManager[Path]], tmp_path: Path
) -> None:
    path = tmp_path / "made"
    killed = [writing(path) for _ in range(3)]  # never left
    first, second, at_work = (each.__enter__() for each in killed)
    second = second.rename(f"{second}-old")
    mine = tmp_path / ".made-by-me.making"
    mine.touch()
    for each in (first, second, mine):
        os.utime(each, (0, 0))
    with writing(path):
        assert second.exists(), "nothing took its place yet"
    with writing(path):
        pass
    assert set(tmp_path.iterdir()) == {path, at_work, mine}


def test_a_link_of_another_user_is_not_followed(tmp_path: Path) -> None:
    precious, path = tmp_path / "precious", tmp_path / "labels.jsonl"
    precious.write_text("keep me")
    with written_aside(path) as aside:
        assert aside.is_file(), "made before anybody else can"
    aside.symlink_to(precious)
    with written_aside(path) as aside:
        aside.write_text("labels")
    assert (precious.read_text(), path.read_text(), path.is_symlink()) == ("keep me", "labels", False)
