"""What scoring a base costs, and what rules over its scores do: the part `base` of docs/retriever.md.

    python benchmarks/base_scores.py          # about half an hour on one core; goes on where it was stopped

Bases are made of the packaged conversations in their seeded order: the first PHRASES pairs, 100 that are added, and
held-out pairs that are in neither. Every base is scored by `blend base score` in a process of its own, whose peak
memory is what the system says of it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from blender.index.build import add, build_base
from blender.index.corpus import Phrase
from blender.index.demo import SETTINGS, demo_phrases
from blender.models.cache import cache_folder

PROJECT = Path(__file__).resolve().parents[1]
COMMAND = "python benchmarks/base_scores.py"
PHRASES, ADDED, SMALL, WHOLE = 2_000, 100, 500, 15_000
LIGHT = ("toxicity", "genericness", "rarity", "length")


def score(base: Path, *options: str) -> dict[str, Any]:
    """Run `blend base score`; its record, seconds of the process, of the processor, and peak megabytes."""
    words = [sys.executable, "-m", "blender.serving.cli", "base", "score", str(base), "--json", *options]
    began = time.perf_counter()
    child = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)  # noqa: S603 - our own program
    assert child.stdout is not None  # noqa: S101 - it is a pipe
    printed = child.stdout.read()
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{' '.join(words)} ended with {child.returncode}")
    return {
        "options": list(options),
        "record": json.loads(printed),
        "seconds": round(time.perf_counter() - began, 1),
        "processor_seconds": round(used.ru_utime + used.ru_stime, 1),
        "peak_megabytes": round(used.ru_maxrss / 1024),
    }


def make(place: Path, phrases: Sequence[Phrase]) -> Path:
    """A base with the settings of the demo base, made anew unless it is there."""
    if not (place / "manifest.json").exists():
        shutil.rmtree(place, ignore_errors=True)
        build_base(phrases, place, SETTINGS)
    return place


def costs(work: Path, stage: Callable[[str, Callable[[], Any]], Any]) -> None:
    """First run, second run, phrases added, a scorer changed, and memory by size."""
    phrases = demo_phrases()
    base = make(work / "base", phrases[:PHRASES])
    stage("first", lambda: score(base))
    stage("again", lambda: score(base))
    stage("added", lambda: (add(base, phrases[PHRASES : PHRASES + ADDED]), score(base))[1])
    stage("changed", lambda: score(base, "--set", "rarity.common=5.5"))
    stage("back", lambda: score(base, "--set", "rarity.common=6.0"))
    light = [word for name in LIGHT for word in ("--scorer", name)]
    for size in (SMALL, WHOLE):
        place = work / f"light-{size}"
        stage(f"light-{size}", lambda place=place, size=size: score(make(place, phrases[:size]), *light))
    place = work / f"language-{SMALL}"
    stage(f"language-{SMALL}", lambda: score(make(place, phrases[:SMALL]), "--scorer", "perplexity.alone"))


def main() -> None:
    """Measure what is not measured yet, then write the tables."""
    work = cache_folder() / "benchmarks" / "base"
    work.mkdir(parents=True, exist_ok=True)
    notes = work / "stages.json"
    known: dict[str, Any] = json.loads(notes.read_text()) if notes.exists() else {}

    def stage(name: str, run: Callable[[], Any]) -> Any:
        if name not in known:
            print(name, flush=True)
            known[name] = run()
            notes.write_text(json.dumps(known, indent=1))
        return known[name]

    costs(work, stage)


if __name__ == "__main__":
    main()
