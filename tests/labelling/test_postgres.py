"""The store on a real PostgreSQL, made for the test and thrown away; skipped where it or its driver is missing."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from blender.errors import BlendError
from blender.labelling import database
from blender.labelling.campaign import Campaign
from blender.labelling.claiming import Claiming
from blender.labelling.records import Item, Label
from blender.labelling.store import Store
from blender.labelling.tally import Tally
from blender.records import Dialog

pytest.importorskip("psycopg", reason="the driver of PostgreSQL (psycopg) is not installed")
pytestmark = pytest.mark.slow


def somebody() -> dict[str, Any]:
    """PostgreSQL refuses to be run by root; then its own user runs it."""
    if os.geteuid() != 0:
        return {}
    try:
        pwd.getpwnam("postgres")
    except KeyError:
        pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
    return {"user": "postgres", "group": "postgres", "extra_groups": []}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    tools = {name: shutil.which(name) for name in ("initdb", "pg_ctl")}
    if None in tools.values():
        pytest.skip("no PostgreSQL server (initdb, pg_ctl) on this machine")
    user = somebody()
    place = Path(tempfile.mkdtemp(prefix="pg"))  # its socket's path must be short
    if user:
        shutil.chown(place, "postgres")
    data, log = str(place / "data"), str(place / "log")

    def run(*command: str) -> None:
        subprocess.run(command, check=True, capture_output=True, cwd=place, **user)

    run("initdb", "-D", data, "-U", "blend", "-A", "trust", "-E", "UTF8")
    run("pg_ctl", "-D", data, "-l", log, "-w", "-o", f"-k {place} -c listen_addresses=''", "start")
    yield f"postgresql+psycopg://blend@/postgres?host={place}"
    run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    shutil.rmtree(place)


def label(item: str, rater: str, sensible: bool = True) -> Label:
    return Label(item=item, rater=rater, sensible=sensible, specific=False, seconds=1.25)


def test_labels_are_saved_replaced_and_taken_back(url: str) -> None:
    store = Store.open(url)
    assert store.put("a", [label("i1", "ann"), label("i2", "Анна")]) == 2
    assert store.put("a", [label("i1", "ann", sensible=False), label("i2", "Анна")]) == 1
    assert {each.item: each.sensible for each in store.labels("a")} == {"i1": False, "i2": True}
    assert store.withdraw("a", "i1", "ann") is not None
    assert (len(store.labels("a")), store.history("a")) == (1, 4)
    store.close()


def test_many_who_open_and_write_at_once_lose_nothing(url: str) -> None:
    def rate(rater: int) -> None:
        store = Store.open(url)
        for number in range(20):
            store.put("b", [label(f"i{number}", f"r{rater}")])
        store.close()

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(rate, range(10)))
    store = Store.open(url)
    assert (len(store.labels("b")), store.history("b")) == (200, 200)
    store.close()


def test_the_last_free_place_goes_to_one_of_many_who_ask_at_once(url: str) -> None:
    items = tuple(Item(id=f"i{n}", page=f"p{n}", dialog=Dialog.of("Hi!"), text=f"{n}") for n in range(5))
    campaign = Campaign(name="try", form="single", raters=2, items=items)
    stores = [Store.open(url) for _ in range(12)]
    desks = [Claiming(campaign, store, Tally(campaign)) for store in stores]
    with ThreadPoolExecutor(12) as pool:
        got = list(pool.map(lambda at: desks[at].next(f"r{at}"), range(12)))
    taken = sorted(page for page in got if page is not None)
    assert taken == sorted([f"p{n}" for n in range(5)] * 2)
    for store in stores:
        store.close()


def test_a_connection_that_was_cut_is_made_anew(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "WAIT", 0.01)
    store, other = Store.open(url), Store.open(url)
    store.put("d", [label("i1", "ann")])
    cut = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = 'postgres'"
    )
    other.database.read(lambda connection: connection.exec_driver_sql(cut).all())
    assert store.put("d", [label("i2", "ann")]) == 1
    assert len(store.labels("d")) == 2
    store.close()
    other.close()


def test_what_a_column_cannot_hold_is_refused_whole(url: str) -> None:
    store = Store.open(url)
    with pytest.raises(BlendError, match="nothing was changed"):
        store.put("e", [label("i1", "ann"), label("i" * 65, "ann")])
    assert store.labels("e") == []
    store.close()
