"""Many raters at once on the labelling page: is any label lost, and how long does a request take?

    make label-load     # 20 raters for two minutes on this machine; prints the table, writes benchmarks/label_load.json

The server is a process of its own on the loopback address, with SQLite, one answer a page. A rater asks for a page,
waits 0.2 to 1 s as if reading, saves a label, and so on; one label in ten is changed and one in twenty taken back and
given again. Afterwards the database must hold just what was sent, and no page more raters than were wanted.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from blender.labelling.campaign import Campaign
from blender.labelling.records import Gold, Item
from blender.labelling.store import Store
from blender.records import Dialog

WANTED = 3
PAUSE = (0.2, 1.0)
CHANGED, TAKEN_BACK = 0.1, 0.05
Said = tuple[bool | None, bool | None]


def job(items: int) -> Campaign:
    """One answer a page; one in twenty gold, one in twenty repeated."""
    made = []
    for number in range(items):
        dialog = Dialog.of(["Hi!", "Hello, how are you?", f"Fine. And what about {number}?"], id=f"d{number}")
        gold = Gold(sensible=False, specific=False) if number % 20 == 1 else None
        repeats = f"i{number - 7}" if number % 20 == 9 else None
        made.append(
            Item(
                id=f"i{number}",
                page=f"p{number}",
                dialog=dialog,
                text=f"Answer {number}, of a usual length for a chat.",
                gold=gold,
                repeats=repeats,
            )
        )
    return Campaign(name="load", form="single", raters=WANTED, items=tuple(made), seed=1)


class Rater(threading.Thread):
    """One rater with a connection of their own, as a browser has."""

    def __init__(self, url: str, campaign: str, number: int, until: float) -> None:
        super().__init__()
        self.place, self.campaign, self.until = urlsplit(url), campaign, until
        self.rater = f"rater {number}"
        self.random = random.Random(number)  # noqa: S311 - nothing secret
        self.connection: http.client.HTTPConnection | None = None
        self.sent: dict[str, Said] = {}
        self.actions = self.failures = 0
        self.seconds: dict[str, list[float]] = defaultdict(list)

    def run(self) -> None:
        """Label until time is up or nothing is left."""
        while time.monotonic() < self.until:
            page = self.ask("/api/page", number=None)["page"]
            if page is None:
                break
            for item in page["items"]:
                time.sleep(self.random.uniform(*PAUSE))
                self.judge(item["id"])
        if self.connection is not None:
            self.connection.close()

    def judge(self, item: str) -> None:
        """Save a label; now and then change it, or take it back and give it again."""
        self.save(item)
        if self.random.random() < CHANGED:
            self.save(item)
        if self.random.random() < TAKEN_BACK:
            self.ask("/api/labels", said=[{"item": item, "withdrawn": True}])
            self.actions += 1
            del self.sent[item]
            self.save(item)

    def save(self, item: str) -> None:
        """Save a label, drawn at random."""
        sensible = self.random.random() < 0.7
        specific = sensible and self.random.random() < 0.5
        seconds = round(self.random.uniform(0.2, 9), 3)
        said = {"item": item, "sensible": sensible, "specific": specific, "seconds": seconds}
        self.ask("/api/labels", said=[said])
        self.actions += 1
        self.sent[item] = (sensible, specific)

    def ask(self, path: str, **body: Any) -> Any:
        """One request, again until it is answered, as the page does it."""
        content = json.dumps({"campaign": self.campaign, "rater": self.rater} | body)
        while True:
            begun = time.perf_counter()
            try:
                if self.connection is None:
                    self.connection = http.client.HTTPConnection(self.place.hostname or "", self.place.port, timeout=60)
                self.connection.request("POST", path, content, {"Content-Type": "application/json"})
                answer = self.connection.getresponse()
                read = answer.read()
            except OSError:
                self.connection = None
                self.failures += 1
                time.sleep(0.5)
                continue
            self.seconds[path].append(time.perf_counter() - begun)
            if answer.status == 200:
                return json.loads(read)
            if answer.status < 500:
                raise RuntimeError(f"{answer.status}: {read!r}")
            self.failures += 1
            time.sleep(0.5)


def label(folder: Path, campaign: Campaign, raters: int, seconds: float) -> list[Rater]:
    """Serve the page and let raters label."""
    command = [sys.executable, "-m", "blender.serving.cli", "label", "page", str(folder), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            url = server.stdout.readline().strip() if server.stdout else ""
            until = time.monotonic() + seconds
            running = [Rater(url, campaign.id, number, until) for number in range(raters)]
            for rater in running:
                rater.start()
            for rater in running:
                rater.join()
        finally:
            server.kill()  # not asked to end in peace: what was answered must be on the disk
    return running


def checked(folder: Path, campaign: Campaign, raters: list[Rater]) -> dict[str, int]:
    """What was sent against what is in the database."""
    store = Store.open(folder / "labels.sqlite")
    stored = store.labels(campaign.id)
    found = {(each.item, each.rater): (each.sensible, each.specific) for each in stored}
    sent = {(item, rater.rater): said for rater in raters for item, said in rater.sent.items()}
    ordinary = Counter(item for item, _ in found if campaign.by_id[item].scored)
    history = store.history(campaign.id)
    store.close()
    return {
        "actions_sent": sum(rater.actions for rater in raters),
        "actions_in_history": history,
        "labels_sent": len(sent),
        "labels_found": len(found),
        "lost_or_wrong": sum(found.get(key) != said for key, said in sent.items()) + len(found.keys() - sent.keys()),
        "items_with_too_many_raters": sum(count > WANTED for count in ordinary.values()),
        "requests_that_failed": sum(rater.failures for rater in raters),
    }


def quantiles(times: list[float]) -> dict[str, float]:
    """Milliseconds."""
    cuts = statistics.quantiles(times, n=100, method="inclusive")
    found = {"p50": cuts[49], "p95": cuts[94], "p99": cuts[98], "most": max(times)}
    return {"requests": len(times), **{name: round(1000 * value, 1) for name, value in found.items()}}


def main() -> int:
    """Measure, print and write."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--raters", type=int, default=20)
    options.add_argument("--seconds", type=float, default=120)
    options.add_argument("--out", type=Path, default=Path(__file__).with_name("label_load.json"))
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as place:
        campaign = job(items=2_000)
        campaign.save(Path(place))
        raters = label(Path(place), campaign, given.raters, given.seconds)
        counts = checked(Path(place), campaign, raters)
    paths = {"save a label": "/api/labels", "get a page": "/api/page"}
    times = {name: [second for rater in raters for second in rater.seconds[path]] for name, path in paths.items()}
    table = {name: quantiles(found) for name, found in times.items()}
    table["all"] = quantiles([second for found in times.values() for second in found])
    print("\n".join(f"{name:28}{value:>10}" for name, value in counts.items()))
    print(f"\n{'milliseconds':16}" + "".join(f"{name:>10}" for name in table["all"]))
    for name, row in table.items():
        print(f"{name:16}" + "".join(f"{value:>10}" for value in row.values()))
    record = {
        "command": "make label-load",
        "raters": given.raters,
        "seconds": given.seconds,
        "pause_seconds": PAUSE,
        "cores": os.cpu_count(),
        "load_average": [round(load, 1) for load in os.getloadavg()],  # other work on the machine makes it slower
        "machine": platform.machine(),
        **counts,
        "milliseconds": table,
    }
    given.out.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return int(counts["lost_or_wrong"] > 0)


if __name__ == "__main__":
    sys.exit(main())
