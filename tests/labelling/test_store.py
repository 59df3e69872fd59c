from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from blender.errors import BadInput, BlendError
from blender.labelling import database
from blender.labelling.records import Label
from blender.labelling.store import Store


def label(item: str = "i1", rater: str = "ann", sensible: bool | None = True, **more: object) -> Label:
    return Label(item=item, rater=rater, sensible=sensible, specific=False, **more)  # type: ignore[arg-type]


def test_what_was_saved_is_read_back_as_it_was(store: Store) -> None:
    said = [
        Label(
            item="i1", rater="ann", sensible=True, specific=True, seconds=2.5, at="2026-01-01T00:00:00", origin="a.csv"
        ),
        Label(item="i2", rater="Анна 'x'; DROP TABLE labels", sensible=None, specific=None, at="2026-01-01T00:00:01"),
    ]
    assert store.put("c", said) == 2
    assert store.labels("c") == said
    assert store.labels("c", "ann") == said[:1]
    assert store.labels("other") == []


def test_what_a_rater_says_anew_replaces_what_they_said(store: Store) -> None:
    store.put("c", [label(sensible=True)])
    store.put("c", [label(sensible=False)])
    assert [each.sensible for each in store.labels("c")] == [False]
    assert store.history("c") == 2


def test_the_last_of_one_call_counts_and_history_has_all(store: Store) -> None:
    assert store.put("c", [label(sensible=True), label(sensible=False), label(sensible=False)]) == 2
    assert [each.sensible for each in store.labels("c")] == [False]
    assert store.history("c") == 2


def test_the_same_again_changes_nothing_not_even_its_time(store: Store) -> None:
    store.put("c", [label(seconds=1.5)])
    (before,) = store.labels("c")
    assert store.put("c", [label(seconds=1.5, at="2030-01-01T00:00:00")]) == 0
    assert store.labels("c") == [before]
    assert store.history("c") == 1
    assert store.put("c", [label(seconds=2.0)]) == 1


def test_a_label_is_taken_back_and_stays_in_the_history(store: Store) -> None:
    store.put("c", [label("i1"), label("i2")])
    assert store.withdraw("c", "i1", "bob") is None
    gone = store.withdraw("c", "i1", "ann")
    assert gone is not None
    assert gone.item == "i1"
    assert store.withdraw("c", "i1", "ann") is None
    assert [each.item for each in store.labels("c")] == ["i2"]
    assert store.history("c") == 3


def test_many_labels_are_saved_at_once(store: Store) -> None:
    many = [label(f"i{number}") for number in range(3_000)]
    assert store.put("c", many) == 3_000
    assert store.put("c", [*many[:10], label("new")]) == 1
    assert len(store.labels("c")) == 3_001


def test_labels_are_saved_all_or_none(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put("c", [label("i1")])
    monkeypatch.setattr(database, "TRIES", 1)
    wrong = label("i3")
    object.__setattr__(wrong, "at", None)  # the database refuses this one
    with pytest.raises(BlendError, match="nothing was changed"):
        store.put("c", [label("i1", sensible=False), label("i2"), wrong])
    assert [(each.item, each.sensible) for each in store.labels("c")] == [("i1", True)]
    assert store.history("c") == 1


def test_a_passing_fault_is_tried_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "WAIT", 0.0)
    tries = []

    def work(connection: object) -> str:
        tries.append(connection)
        if len(tries) < 3:
            raise OperationalError("select", {}, sqlite3.OperationalError("database is locked"))
        return "done"

    assert store.database.locked("c", work) == "done"
    assert len(tries) == 3


def test_a_lasting_fault_is_told(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "WAIT", 0.0)

    def work(connection: object) -> None:
        raise OperationalError("select", {}, sqlite3.OperationalError("disk is full"))

    with pytest.raises(BlendError, match="failed, nothing was changed: disk is full"):
        store.database.locked("c", work)


@pytest.mark.slow
def test_twenty_threads_lose_nothing(store: Store) -> None:
    def rate(rater: int) -> None:
        for number in range(15):
            store.put("c", [label(f"i{number}", f"r{rater}", sensible=number % 2 == 0)])
            store.labels("c", f"r{rater}")
            if number % 5 == 4:
                store.withdraw("c", f"i{number}", f"r{rater}")

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(rate, range(20)))
    assert len(store.labels("c")) == 20 * 12
    assert store.history("c") == 20 * 18


RATE = """
import sys
from blender.labelling.records import Label
from blender.labelling.store import Store
sys.stdin.readline()  # both open the new file at once
store = Store.open(sys.argv[1])
for sensible, step in ((True, 1), (False, 2)):
    for number in range(0, 60, step):
        store.put("c", [Label(item=f"i{number}", rater=sys.argv[2], sensible=sensible, specific=False)])
"""


@pytest.mark.slow
def test_two_processes_on_one_new_file_lose_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", RATE, str(tmp_path / "new.sqlite")]
    running = [subprocess.Popen([*command, name], stdin=subprocess.PIPE, text=True) for name in ("ann", "bob")]
    for process in running:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.close()
    assert [process.wait(60) for process in running] == [0, 0]
    store = Store.open(tmp_path / "new.sqlite")
    for rater in ("ann", "bob"):
        found = {each.item: each.sensible for each in store.labels("c", rater)}
        assert found == {f"i{number}": number % 2 == 1 for number in range(60)}
    assert store.history("c") == 180
    store.close()


def test_a_reader_that_turns_writer_is_never_overtaken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two connections read a counter and write it back; without a lock from the start one would fail or be lost."""
    monkeypatch.setattr(database, "TRIES", 1)
    stores = [Store.open(tmp_path / "labels.sqlite") for _ in range(2)]

    def count(store: Store) -> None:
        def add(connection: object) -> None:
            seconds = connection.exec_driver_sql("SELECT max(seconds) FROM labels").scalar() or 0.0  # type: ignore[attr-defined]
            connection.exec_driver_sql("DELETE FROM labels")  # type: ignore[attr-defined]
            connection.exec_driver_sql(  # type: ignore[attr-defined]
                "INSERT INTO labels VALUES ('c', 'i', 'r', 1, 1, ?, '', '')", (seconds + 1,)
            )

        for _ in range(25):
            store.database.locked("c", add)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(count, stores))
    assert [each.seconds for each in stores[0].labels("c")] == [50.0]
    for store in stores:
        store.close()


def test_a_path_may_hold_signs_that_mean_something_in_a_url(tmp_path: Path) -> None:
    path = tmp_path / "a?b#c%20 d.sqlite"
    store = Store.open(path)
    store.put("c", [label()])
    store.close()
    assert path.exists()


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file::memory:?uri=true",
        "sqlite:///file:%3Amemory%3A?uri=true",
        "sqlite:///file:x?mode=memory&uri=true",
    ],
)
def test_a_database_in_memory_is_refused(url: str) -> None:
    with pytest.raises(BadInput, match="in memory, where labels are lost"):
        Store.open(url)


@pytest.mark.parametrize(
    "url", ["nodatabase://u:hidden-word@host/x", "postgresql+nodriver://u:hidden-word@host/x", "://x"]
)
def test_a_url_that_is_none_is_told_without_its_password(url: str) -> None:
    with pytest.raises(BadInput, match=r"postgresql\+psycopg://user@host/name") as told:
        Store.open(url)
    assert "hidden-word" not in str(told.value)


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    path = tmp_path / "labels.sqlite"
    path.write_text("this is no database, but long enough to be read as one" * 100)
    with pytest.raises(BlendError, match="file is not a database"):
        Store.open(path)
    with pytest.raises(BlendError, match="unable to open database file"):
        Store.open(tmp_path / "nowhere" / "labels.sqlite")


def test_nothing_is_saved_into_a_file_that_was_deleted(store: Store, tmp_path: Path) -> None:
    store.put("c", [label()])
    (tmp_path / "labels.sqlite").rename(tmp_path / "away")
    with pytest.raises(BlendError, match="was deleted or replaced"):
        store.put("c", [label("i2")])
    assert not (tmp_path / "labels.sqlite").exists()
    (tmp_path / "away").rename(tmp_path / "labels.sqlite")
    store.put("c", [label("i3")])
    assert [each.item for each in store.labels("c")] == ["i1", "i3"]


def test_labels_are_read_where_nothing_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "labels #1.sqlite"
    writer = Store.open(path)
    writer.put("c", [label()])
    writer.close()
    before = path.read_bytes()
    monkeypatch.setattr(os, "access", lambda *_: False)
    reader = Store.open(path, read_only=True)
    assert [each.item for each in reader.labels("c")] == ["i1"]
    with pytest.raises(BlendError, match="readonly database"):
        reader.put("c", [label("i2")])
    reader.close()
    assert (path.read_bytes(), [each.name for each in tmp_path.iterdir()]) == (before, [path.name])
