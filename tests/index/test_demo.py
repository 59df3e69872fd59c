from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from blender.index import demo, packaged
from blender.index.base import PhraseBase
from blender.index.corpus import Phrase
from blender.models.cache import cache_folder

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def phrases() -> list[Phrase]:
    return demo.demo_phrases()


def test_there_are_66_000_pairs_of_which_none_comes_twice(phrases: Sequence[Phrase]) -> None:
    assert len(phrases) > 65_900
    assert len({(phrase.context, phrase.reply) for phrase in phrases}) == len(phrases)
    assert all(4 <= len(phrase.reply.split()) <= 25 for phrase in phrases)


def test_the_demo_base_is_built_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, phrases: Sequence[Phrase]
) -> None:
    if (cache_folder() / "toxicity").is_dir():  # the conversion of the toxicity model is tested elsewhere
        shutil.copytree(cache_folder() / "toxicity", tmp_path / "toxicity")
    monkeypatch.setenv("BLENDER_CACHE", str(tmp_path))
    folder = demo.demo_base(pairs=400)
    base = PhraseBase.open(folder)
    assert base.manifest.counts["pairs"] >= 400
    assert base.manifest.counts["contexts"] >= 400
    assert base.contents.phrases["text"][0].as_py() == phrases[0].reply, "the order of the chats is seeded"
    assert base.manifest.settings.drop_above == {"toxicity.toxic": 0.8}

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the demo base is there already")

    monkeypatch.setattr(packaged, "build_base", refuse)
    assert demo.demo_base(pairs=400) == folder
