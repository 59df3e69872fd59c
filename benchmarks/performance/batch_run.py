"""The batch run beside a loop over single dialogs, and whether its memory grows.

    python benchmarks/performance/batch_run.py choose   # or reply, growth; writes batch_run_choose.json

Runs are real processes (``blend evaluate``), timed from their first to their last answer, so loading is left out. The
loop asks the library for one dialog at a time, before them. ``choose``: given pools of 8 phrases, the fast preset.
``reply``: the whole default preset. ``growth``: memory, with a rule over annotators of words alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pools import SEED, contexts, retrieved
from record import record

from blender import Blender
from blender.records import Dialog, Pool

CANDIDATES = 8
CHOSEN, REPLIED = 1_000, 256
LOOPED, REPLIED_ONE_BY_ONE = 150, 24
GROWTH = (1_000, 10_000, 100_000)
WORDS = """
ranker = {use = "rrf", columns = ["length.words", "overlap.last_turn", "rarity.mean"]}
guards = {empty = {}, too_long = {}, echo = {}, repetition = {}}
"""


def write_dialogs(path: Path, count: int, *, candidates: int) -> None:
    """So many dialogs; contexts and phrases come again in other combinations where there are not enough."""
    dialogs = contexts(min(count, 1_000))
    phrases = [one.text for some in retrieved(dialogs[:200], 50) for one in some]
    with path.open("w", encoding="utf-8") as lines:
        for at in range(count):
            dialog = dialogs[at % len(dialogs)]
            row: dict[str, Any] = {"id": f"d{at}", "turns": list(dialog.texts)}
            if candidates:
                step = 1 + at // len(dialogs)
                row["candidates"] = [phrases[(at * candidates + k * step) % len(phrases)] for k in range(candidates)]
            lines.write(json.dumps(row) + "\n")


def run(dialogs: Path, preset: str, *more: str) -> dict[str, Any]:
    """One batch run as a process: dialogs a second from first to last answer, cores kept busy, memory of all."""
    with tempfile.TemporaryDirectory() as out:
        answers = Path(out) / "answers.jsonl"
        command = [sys.executable, "-m", "blender.serving.cli", "evaluate", str(dialogs), "--out", out, "-b", preset]
        with subprocess.Popen([*command, *more], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            watch = _Watch(process.pid, answers)
            process.wait()
        watch.join()
        return watch.values()


class _Watch(threading.Thread):
    """Samples a run: when its answers began and ended, processor seconds between, and the most memory."""

    def __init__(self, pid: int, answers: Path) -> None:
        super().__init__(daemon=True)
        self._pid, self._answers = pid, answers
        self._first: tuple[float, float, int] | None = None
        self._last: tuple[float, float, int] | None = None
        self._most = 0
        self.start()

    def run(self) -> None:
        while alive := _family(self._pid):
            size = self._answers.stat().st_size if self._answers.exists() else 0
            self._most = max(self._most, sum(_anonymous(pid) for pid in alive))
            if size and (self._last is None or size > self._last[2]):
                self._last = (time.perf_counter(), sum(_processor_seconds(pid) for pid in alive), size)
                self._first = self._first or self._last
            time.sleep(0.05)

    def values(self) -> dict[str, Any]:
        assert self._first and self._last, "the run gave no answers"  # noqa: S101
        spent = self._last[0] - self._first[0]
        share = (self._last[2] - self._first[2]) / self._last[2]
        busy = (self._last[1] - self._first[1]) / spent / (os.cpu_count() or 1)
        return {"seconds": round(spent / share, 2), "busy": round(busy, 3), "peak MB": round(self._most / 1e6)}


def _family(pid: int) -> list[int]:
    """The process and its children, as long as it lives."""
    try:
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return []
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *map(int, children)]


def _anonymous(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("RssAnon")), 0)


def _processor_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def looped(blender: Blender, dialogs: Sequence[Dialog], pools: Sequence[Pool]) -> float:
    """Dialogs a second one by one."""
    begun = time.perf_counter()
    for pool in pools:
        blender.choose_pools([pool])
    for dialog in dialogs:
        blender.reply(dialog)
    return (len(pools) + len(dialogs)) / (time.perf_counter() - begun)


def beside(preset: str, folder: Path, count: int, alone: int, *, candidates: int) -> dict[str, Any]:
    """The batch run with one and with two processes, and the loop."""
    path = folder / f"{preset}-{count}.jsonl"
    write_dialogs(path, count, candidates=candidates)
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()[: alone + 5]]
    blender = Blender.load(preset)
    dialogs = [Dialog.of(row["turns"], id=row["id"]) for row in rows]
    given = [Pool.of(dialog, row["candidates"]) for dialog, row in zip(dialogs, rows, strict=True) if candidates]
    some = [] if candidates else dialogs
    looped(blender, some[-5:], given[-5:])
    loop = looped(blender, some[:alone], given[:alone])
    del blender
    found: dict[str, Any] = {"loop, dialogs a second": round(loop, 2), "dialogs": {"loop": alone, "run": count}}
    for workers in (1, 2):
        one = run(path, preset, "--workers", str(workers))
        one["dialogs a second"] = round(count / one["seconds"], 2)
        one["times the loop"] = round(one["dialogs a second"] / loop, 2)
        found[f"{workers} process" + "es" * (workers > 1)] = one
    return found


def growing(folder: Path) -> dict[str, Any]:
    """Most memory of runs of rising length; with annotators of words alone, or the longest would take an hour."""
    settings = folder / "words.toml"
    settings.write_text(WORDS, encoding="utf-8")
    found: dict[str, Any] = {}
    for count in GROWTH:
        write_dialogs(folder / "many.jsonl", count, candidates=CANDIDATES)
        found[str(count)] = run(folder / "many.jsonl", str(settings), "--workers", "1")
        print(count, found[str(count)], flush=True)
    return found


def main(part: str) -> None:
    """Measure one part, print and write."""
    import torch  # after blender, which tells OpenMP how to wait

    torch.set_num_threads(2)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        if part == "choose":
            values = beside("fast", folder, CHOSEN, LOOPED, candidates=CANDIDATES)
        elif part == "reply":
            values = beside("default", folder, REPLIED, REPLIED_ONE_BY_ONE, candidates=0)
        else:
            values = growing(folder)
    command = f"python benchmarks/performance/batch_run.py {part}"
    print(record(f"batch_run_{part}", command=command, seed=SEED, values=values).read_text())


if __name__ == "__main__":
    main(sys.argv[1])
