"""What scoring a base costs, and what rules over its scores do: the part `base` of docs/retriever.md.

    python benchmarks/base_scores.py          # some minutes; goes on where it was stopped
    python benchmarks/base_scores.py 1        # the next stage alone

A small base is made of the packaged conversations (PHRASES pairs in their seeded order, then ADDED more); the other is
a copy of the demo base, with the perplexities it was scored with before, if it was. Bases are scored by `blend base
score` in a process of its own, whose peak memory is what the system says of it. Tables hold what is measured so far.
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

import numpy as np
from base_report import lines  # type: ignore[import-not-found]  # a neighbour, not a package
from base_rules import examples, recalls, tops  # type: ignore[import-not-found]
from scipy.stats import rankdata

from blender.index.base import PhraseBase
from blender.index.build import add, build_base
from blender.index.context import TURN_BREAK
from blender.index.corpus import Phrase
from blender.index.demo import demo_base, demo_phrases
from blender.index.packaged import SETTINGS
from blender.index.scorers import Alone
from blender.index.scores import BaseScores
from blender.index.scoring import Rows
from blender.models.cache import cache_folder
from blender.models.language_model import load_language_model
from blender.records import Dialog
from blender.training.report import write_part

PROJECT = Path(__file__).resolve().parents[1]
COMMAND = "python benchmarks/base_scores.py"
PHRASES, ADDED = 100, 100
ASKED, JUDGED = 1_000, 40
WHOLE = ("perplexity.alone", "toxicity", "rarity", "length")


def score(base: Path, *options: str) -> dict[str, Any]:
    """Run `blend base score`; its record, seconds of the process, of the processor, and peak megabytes."""
    words = [sys.executable, "-m", "blender.serving.cli", "base", "score", str(base), "--json", *options]
    began = time.perf_counter()
    child = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
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


def copy_of_demo(place: Path) -> Path:
    """The demo base in a folder of its own, with what was measured of it before."""
    shutil.rmtree(place, ignore_errors=True)
    return Path(shutil.copytree(demo_base(), place))


def costs(work: Path, stage: Callable[[str, Callable[[], Any]], Any]) -> None:
    """First run, second run, phrases added, a scorer changed; and memory by size."""
    phrases = demo_phrases()
    base = make(work / "base", phrases[:PHRASES])
    stage("first", lambda: score(base))
    stage("again", lambda: score(base))
    stage("added", lambda: (add(base, phrases[PHRASES : PHRASES + ADDED]), score(base))[1])
    stage("changed", lambda: score(base, "--set", "rarity.common=5.4"))
    options = [word for name in WHOLE for word in ("--scorer", name)]
    stage("small", lambda: score(base, *options, "--set", "rarity.common=5"))
    stage("demo", lambda: score(copy_of_demo(work / "demo"), *options, "--set", "rarity.common=5"))


def precision(base: Path) -> dict[str, Any]:
    """The same phrases in both precisions: seconds, and how far apart the losses are."""
    runs, losses = {}, []
    for dtype in ("bfloat16", "float32"):
        shutil.rmtree(base / "scores", ignore_errors=True)
        runs[dtype] = score(base, "--scorer", "perplexity.alone", "--dtype", dtype)
        losses.append(BaseScores.open(PhraseBase.open(base)).column("perplexity.alone"))
    apart = np.abs(losses[0] - losses[1])
    return {
        "phrases": len(apart),
        "processor_seconds": {dtype: run["processor_seconds"] for dtype, run in runs.items()},
        "spearman": round(float(np.corrcoef([rankdata(each) for each in losses])[0, 1]), 4),
        "mean_difference": round(float(apart.mean()), 4),
        "largest_difference": round(float(apart.max()), 4),
    }


def tokens(base: Path) -> dict[str, float]:
    """Mean tokens of a phrase, and of the first context it answered with the prompt around it."""
    form = load_language_model(Alone().model, Alone().dtype).form
    rows = Rows(PhraseBase.open(base), 1).of(range(PHRASES))
    contexts = [len(form.context(Dialog.of(row.contexts[0].split(TURN_BREAK)))) for row in rows if row.contexts]
    return {"phrase": float(np.mean([len(form.answer(row.text)) for row in rows])), "context": float(np.mean(contexts))}


def rules(demo: Path, stage: Callable[[str, Callable[[], Any]], Any]) -> None:
    """What rules do: to the true replies of the base itself, and to the answers of contexts held out of it."""
    stage("examples", lambda: examples(demo))
    stage("recall", lambda: recalls(demo, demo_phrases()[:: 15_000 // ASKED][:ASKED]))
    stage("tops", lambda: tops(demo, demo_phrases()[-JUDGED:]))


def main() -> None:
    """Measure what is not measured yet, then write the tables."""
    work = cache_folder() / "benchmarks" / "base"
    work.mkdir(parents=True, exist_ok=True)
    notes = work / "stages.json"
    known: dict[str, Any] = json.loads(notes.read_text()) if notes.exists() else {}

    most = int(sys.argv[1]) if len(sys.argv) > 1 else sys.maxsize

    def stage(name: str, run: Callable[[], Any]) -> Any:
        nonlocal most
        if name not in known:
            if most < 1:
                raise SystemExit(f"stopped before {name}")
            most -= 1
            print(name, flush=True)
            began = time.perf_counter()
            known[name] = run()
            known.setdefault("stage seconds", {})[name] = round(time.perf_counter() - began, 1)
            notes.write_text(json.dumps(known, indent=1))
            write_part(PROJECT, "base", {"command": COMMAND, **known}, lines(known))
        return known[name]

    costs(work, stage)
    rules(work / "demo", stage)
    stage("tokens", lambda: tokens(work / "base"))
    stage("precision", lambda: precision(make(work / "precision", demo_phrases()[:PHRASES])))


if __name__ == "__main__":
    main()
