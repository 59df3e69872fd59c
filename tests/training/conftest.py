"""Made-up examples whose truth is known, and label files made of plain text."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from blender.matrix import FeatureMatrix
from blender.training.examples import Examples, View, relative_columns
from blender.training.fit import OrderSettings
from blender.training.heads import HeadSettings
from blender.training.outer import OutOfFold
from blender.training.pipeline import Trained, TrainSettings, train

COLUMNS = ("relevance.context", "relevance.last_turn", "perplexity.pmi", "length.words", "toxicity.toxic")
DIRECTIONS = {"relevance.context": 1, "relevance.last_turn": 1, "perplexity.pmi": 1, "toxicity.toxic": -1}


def make_examples(
    pools: int = 240, families: int = 3, *, noise: float = 0.5, bend: float = 0.0, gaps: float = 0.05, seed: int = 0
) -> Examples:
    """Pools whose target is a squashed sum of columns; ``bend`` adds what no linear score can follow."""
    generator = np.random.default_rng(seed)
    sizes = tuple(int(size) for size in generator.integers(2, 8, pools))
    rows = sum(sizes)
    values = generator.normal(size=(rows, len(COLUMNS)))
    wanted = 0.8 * values[:, 0] + 0.4 * values[:, 2] - 0.3 * values[:, 4]
    wanted += bend * np.where(values[:, 3] > 0, values[:, 1], -values[:, 1])
    target = 1 / (1 + np.exp(-wanted - noise * generator.normal(size=rows)))
    values[generator.random(values.shape) < gaps] = np.nan
    matrix = FeatureMatrix(values=values.astype(np.float32), columns=COLUMNS, group_sizes=sizes)
    names = tuple(f"family {at % families}" for at in range(pools))
    views: list[View] = ["judged" for _ in range(pools)]
    return Examples(
        matrix=matrix,
        relative=relative_columns(matrix),
        target=target,
        sensible=target,
        specific=np.where(generator.random(rows) < 0.3, np.nan, target**2),
        datasets=names,
        families=names,
        groups=tuple(f"conversation {at // 2}" for at in range(pools)),
        views=tuple(views),
    )


def unscored(examples: Examples) -> OutOfFold:
    """Of rankers that scored nothing."""
    blank = np.full(len(examples.matrix), np.nan)
    return OutOfFold(
        how="nothing",
        value=blank,
        linear=blank,
        sensible=blank,
        specific=blank,
        best_feature=blank,
        best_source=blank,
        trials={},
    )


def write_labels(folder: Path, name: str = "mine", contexts: int = 40, *, level: bool = False, seed: int = 0) -> Path:
    """Labels in which longer answers are better, up to a little noise."""
    generator = np.random.default_rng(seed)
    words = ["boat", "river", "tea", "hill", "lamp", "green", "walk", "song", "paper", "winter", "clock", "bread"]
    lines = []
    for context in range(contexts):
        turn = " ".join(generator.choice(words, 6)) + f" number {context} of {name}?"
        for source in ("alpha", "beta", "gamma", "delta"):
            length = int(generator.integers(1, 16))
            value = 0.5 if level else float(np.clip(length / 16 + 0.1 * generator.normal(), 0, 1))
            row = {
                "dialog_id": f"{name}-{context}",
                "dataset": name,
                "context": [turn],
                "response": " ".join(generator.choice(words, length)) + ".",
                "source": source,
                "source_type": "generator",
                "sensible": value,
                "specific": value,
            }
            lines.append(json.dumps(row))
    path = folder / f"{name}.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def label_file(tmp_path: Path) -> Callable[..., Path]:
    """`write_labels` into this test's folder."""
    return partial(write_labels, tmp_path)


GRID = (
    OrderSettings(most_rounds=10, bags=1, smallest_leaf=10),
    OrderSettings(most_rounds=10, bags=1, smallest_leaf=10, objective="lambdarank"),
)


def quick(cache: Path, **annotators: dict[str, object]) -> TrainSettings:
    """Settings of a training that takes no time."""
    return TrainSettings(
        annotators=annotators or {"length": {}, "overlap": {}},
        grid=GRID,
        heads=HeadSettings(most_rounds=10, bags=1, smallest_leaf=10),
        cache=cache,
        quiet=True,
    )


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Two sets in which longer answers are better."""
    folder = tmp_path_factory.mktemp("two sets")
    files = [write_labels(folder, name, seed=at) for at, name in enumerate(("one", "two"))]
    return train(files, folder / "bundle", quick(folder / "cache"))
