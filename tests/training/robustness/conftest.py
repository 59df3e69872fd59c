"""A bench on made-up labels: rankers trained on the other family, cheap annotators."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blender.training.crossval import one_family_out
from blender.training.fixed import Fixed
from blender.training.outer import OutOfFold
from blender.training.prepare import Prepared, prepare
from blender.training.robustness.contexts import Bench, default_guards
from tests.training.conftest import unscored

ANNOTATORS: dict[str, dict[str, Any]] = {"length": {}, "overlap": {}, "rarity": {}}
WORDS = ["boat", "river", "tea", "hill", "lamp", "green", "walk", "song", "paper", "winter", "clock", "bread"]
SMALL = ["a", "the", "is", "on", "of", "to", "we", "it"]


def write_pools(path: Path, contexts: int, seed: int) -> Path:
    """Answers that take up the turn's words are better, whatever their length; nobody strings words together."""
    generator = np.random.default_rng(seed)
    lines = []
    for context in range(contexts):
        asked = [str(word) for word in generator.choice(WORDS, 6, replace=False)]
        turn = " ".join(f"{word} {generator.choice(SMALL)}" for word in asked) + f" of {path.stem} {context}?"
        for source in ("alpha", "beta", "gamma", "delta", "epsilon"):
            shared = int(generator.integers(0, 4))
            length = int(generator.integers(4, 16))
            said = [*asked[:shared], *generator.choice(WORDS, length - shared)]
            text = " ".join(f"{word} {generator.choice(SMALL)}" for word in generator.permutation(said))
            value = float(np.clip(shared / 4 + 0.1 * generator.normal(), 0, 1))
            lines.append(
                {
                    "dialog_id": f"{path.stem}-{context}",
                    "dataset": path.stem,
                    "context": [turn],
                    "response": text + ".",
                    "source": source,
                    "source_type": "generator",
                    "sensible": value,
                    "specific": value,
                }
            )
    path.write_text("\n".join(map(json.dumps, lines)) + "\n", encoding="utf-8")
    return path


def rankers_of(prepared: Prepared) -> OutOfFold:
    """A small ranker for each family."""
    examples = prepared.examples
    rankers = {
        fold.name: Fixed(heads=None, trees=20).fit(examples.take(fold.train), prepared.directions)
        for fold in one_family_out(examples)
    }
    return replace(unscored(examples), how="one family left out", rankers=rankers)


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Two families of sixty contexts of five answers each, and the guards that need no model."""
    folder = tmp_path_factory.mktemp("robust")
    files = [write_pools(folder / f"{name}.jsonl", 60, seed) for seed, name in enumerate(("one", "two"))]
    prepared = prepare(files, folder / "cache", annotators=ANNOTATORS, quiet=True)
    guards = {name: guard for name, guard in default_guards().items() if not guard.needs}
    return Bench(prepared=prepared, found=rankers_of(prepared), guards=guards, cache=folder / "cache")
