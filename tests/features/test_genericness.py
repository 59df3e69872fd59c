from __future__ import annotations

import json
from pathlib import Path
from statistics import NormalDist, fmean

import numpy as np
import pytest

from blender.errors import BadInput, MissingPackage
from blender.features.genericness import Genericness
from blender.index.build import add, build_base
from blender.index.corpus import Phrase, read_phrases
from blender.index.settings import BaseSettings
from blender.matrix import Floats
from blender.models.encoder import load_encoder
from blender.records import Candidate, Pool

pytestmark = pytest.mark.slow
CONTEXTS, TIMES = range(2)
PHRASES = ["I don't know.", "Oh nice.", "That is cool!", "i DON'T know", "My dog barks.", "I like chess.", "Yes I do."]


@pytest.fixture
def phrases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BLENDER_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "phrases.jsonl"
    file.write_text("".join(json.dumps({"context": "Hi", "reply": reply}) + "\n" for reply in PHRASES))
    return file


def measure(*texts: str, reference: str = "pkg:chitchat_dataset") -> Floats:
    return Genericness(reference=reference).annotate([Pool.of("Hello!", texts)])


def test_generic_answers_would_fit_more_contexts_than_specific_ones() -> None:
    generic = ["that's cool what hobbies do you have", "i'm not sure. i'm pretty bored.", "Oh cool! Do you like it?"]
    specific = ["I have a Honda Civic as well.", "Try putting some cream on your elbow.", "Obama was born in Hawaii."]
    values = measure(*generic, *specific)
    assert values[:3, CONTEXTS].min() > values[3:, CONTEXTS].max()
    assert ((values[:, CONTEXTS] > 0) & (values[:, CONTEXTS] < 1)).all()


def test_contexts_are_the_chance_to_come_closer_than_a_random_phrase(phrases: Path) -> None:
    encoder = load_encoder(Genericness().encoder)
    said = encoder.encode(PHRASES)
    cosines = said @ said.T
    near = encoder.encode(["I like tea."]) @ said.T
    apart = (near - cosines.mean(axis=0)) / cosines.std(axis=0)
    expected = fmean(map(NormalDist().cdf, apart[0].tolist()))
    assert measure("I like tea.", reference=str(phrases))[0, CONTEXTS] == pytest.approx(expected, abs=1e-3)


def test_what_was_stored_by_the_same_method_is_taken() -> None:
    annotator = Genericness()
    ours, theirs = (
        {f"{by}:genericness.{name}": 0.125 for name in ("contexts", "times")} for by in (annotator.fingerprint, "other")
    )
    values = annotator.annotate([Pool.of("Hi", [Candidate(text="Oh nice.", stored=each) for each in (ours, theirs)])])
    assert values[0].tolist() == [0.125, 0.125]
    np.testing.assert_array_equal(values[1], measure("Oh nice.")[0])


def test_stories_are_left_out_and_a_sample_of_another_size_is_drawn_anew(phrases: Path) -> None:
    story = "once upon a time " * 10
    phrases.write_text(phrases.read_text() + json.dumps({"reply": story}) + "\n")
    assert measure(story, reference=str(phrases))[0, TIMES] == 0
    assert [len(Genericness(reference=str(phrases), size=size)._reference.answers) for size in (1000, 3)] == [7, 3]


def test_stock_phrases_are_counted_by_their_words() -> None:
    values = measure("I don't know.", "i don’t know", "The Tour du Mont Blanc takes ten days.")
    assert values[0, TIMES] == values[1, TIMES] > 1
    assert values[2, TIMES] == 0


def test_reference_of_the_user(phrases: Path) -> None:
    values = measure("I don't know!", "oh nice", "Something else", reference=str(phrases))
    np.testing.assert_allclose(values[:, TIMES], np.log1p([2, 1, 0]), rtol=1e-6)


def test_reference_is_embedded_once_and_kept(phrases: Path) -> None:
    first = measure("I like tea.", reference=str(phrases))
    kept = sorted((phrases.parent / "cache" / "genericness").glob("*/*"))
    assert {file.name for file in kept} == {"answers.npy", "cosines.npy", "times.json"}
    changed = [file.stat().st_mtime_ns for file in kept]
    np.testing.assert_array_equal(measure("I like tea.", reference=str(phrases)), first)
    assert [file.stat().st_mtime_ns for file in kept] == changed


def test_another_reference_is_another_annotator(phrases: Path) -> None:
    before = Genericness(reference=str(phrases)).fingerprint
    phrases.write_text(phrases.read_text() + json.dumps({"reply": "One more."}) + "\n")
    assert Genericness(reference=str(phrases)).fingerprint != before


def test_a_reference_too_small_or_absent_is_refused(phrases: Path) -> None:
    phrases.write_text(json.dumps({"reply": "Only one."}) + "\n")
    with pytest.raises(BadInput, match="2 phrases or more"):
        measure("Hi", reference=str(phrases))
    with pytest.raises(MissingPackage, match="no_such_package"):
        measure("Hi", reference="pkg:no_such_package")
    with pytest.raises(BadInput, match="at least 2"):
        Genericness(size=1)


def test_reference_may_be_a_phrase_base(phrases: Path) -> None:
    folder = phrases.parent / "base"
    build_base(read_phrases(phrases), folder, BaseSettings(stored=()))
    values = measure("I don't know!", "oh nice", "Something else", reference=str(folder))
    np.testing.assert_allclose(values[:, TIMES], np.log1p([2, 1, 0]), rtol=1e-6)
    before = Genericness(reference=str(folder)).fingerprint
    add(folder, [Phrase(reply="One more.")])
    assert Genericness(reference=str(folder)).fingerprint != before
