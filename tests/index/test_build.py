from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blender.errors import BadBase, BadInput
from blender.index import store
from blender.index.base import PhraseBase
from blender.index.build import add, build_base, remove
from blender.index.corpus import Phrase, read_phrases
from blender.index.settings import BaseSettings
from blender.matrix import Floats
from blender.records import Dialog, Pool
from blender.roles import Column

PLAIN = BaseSettings(stored=())
Make = Callable[..., Path]


class Shouting:
    """Measures how much of a text is in capitals."""

    columns = (
        Column(
            name="loud",
            unit="share",
            direction="lower is better",
            meaning="capitals",
            missing="never",
            says="louder",
            says_low="quieter",
        ),
    )
    fingerprint = "shouting-1"

    def annotate(self, pools: Sequence[Pool]) -> Floats:
        shares = [sum(map(str.isupper, text)) / len(text) for pool in pools for text in pool.texts]
        return np.array(shares, dtype=np.float32)[:, None]


def contents(folder: Path) -> dict[str, set[str]]:
    """Contexts by phrase."""
    base = PhraseBase.open(folder)
    found: dict[str, set[str]] = {text: set() for text in base.contents.phrases["text"].to_pylist()}
    for row in base.contents.contexts.to_pylist():
        found[base.contents.phrases["text"][row["phrase"]].as_py()].add(row["text"])
    return found


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_near_duplicates_collapse_and_keep_their_contexts(make_base: Make) -> None:
    folder = make_base(("Hi.", "Hello there!"), ("Hey.", "hello there"), ("Bye.", "See you."), ("Hi.", "Hello, there"))
    assert contents(folder) == {"Hello there!": {"Hi.", "Hey."}, "See you.": {"Bye."}}
    base = PhraseBase.open(folder)
    assert base.times.tolist() == [3, 1]
    assert base.manifest.counts == {"phrases": 2, "contexts": 3, "pairs": 4}


def test_close_meaning_collapses(tmp_path: Path, encoder: Any) -> None:
    class Blunt(type(encoder)):  # type: ignore[misc]
        """Hardly tells 'great' from 'grand'."""

        def encode(self, texts: Sequence[str], **more: str) -> Floats:
            vectors: Floats = super().encode([text.replace("grand", "great") for text in texts], **more)
            vectors[["grand" in text for text in texts], 0] += 0.1
            return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)

    pairs = [Phrase(context="How?", reply="It was great."), Phrase(context="And?", reply="It was grand.")]
    folder = build_base(pairs, tmp_path / "b", PLAIN, encoder=Blunt()).folder
    assert contents(folder) == {"It was great.": {"How?", "And?"}}
    off = BaseSettings(stored=(), collapse_above=1)
    assert len(build_base(pairs, tmp_path / "c", off, encoder=Blunt())) == 2


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pairs=st.dictionaries(
        st.integers(0, 10_000).map("What about number {}?".format),
        st.integers(0, 40).map("I like the number {} best.".format),
        min_size=1,
        max_size=30,
    )
)
def test_every_phrase_is_found_first_by_its_own_context(
    tmp_path_factory: pytest.TempPathFactory, encoder: Any, pairs: dict[str, str]
) -> None:
    phrases = [Phrase(context=context, reply=reply) for context, reply in pairs.items()]
    folder = tmp_path_factory.mktemp("base")
    half = max(1, len(phrases) // 2)
    base = build_base(phrases[:half], folder / "b", PLAIN, encoder=encoder)
    if phrases[half:]:
        base = add(folder / "b", phrases[half:], encoder=encoder)
    found = base.search([Dialog.of(context) for context in pairs], 1)
    assert [(hits[0].matched, hits[0].text) for hits in found] == list(pairs.items())
    assert all(hits[0].score == pytest.approx(1, abs=2e-3) for hits in found)
    assert base.times.sum() == len(pairs)


def test_adding_embeds_only_what_is_new(make_base: Make, encoder: Any) -> None:
    folder = make_base(("Hi.", "Hello."), ("Bye.", "See you."))
    before = PhraseBase.open(folder)
    old = np.array(before.contents.reply_vectors), np.array(before.contents.context_vectors)
    encoder.asked.clear()
    new = [Phrase(context="Hi.", reply="hello"), Phrase(context="Bye.", reply="Farewell."), Phrase(reply="Alone.")]
    base = add(folder, new, encoder=encoder)
    assert encoder.asked == ["Farewell.", "Alone."]
    assert contents(folder) == {"Hello.": {"Hi."}, "See you.": {"Bye."}, "Farewell.": {"Bye."}, "Alone.": set()}
    np.testing.assert_array_equal(base.contents.reply_vectors[:2], old[0])
    np.testing.assert_array_equal(base.contents.context_vectors[:2], old[1])
    assert base.times.tolist() == [2, 1, 1, 1]
    assert base.fingerprint != before.fingerprint


def test_removing_needs_no_model(make_base: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_base(
        Phrase(context="Hi.", reply="Hello.", columns={"tag": "old", "weight": 1}),
        Phrase(context="Hi.", reply="Yo.", columns={"tag": "new"}),
        Phrase(context="Bye.", reply="See you.", columns={"tag": "old", "weight": 2}),
        Phrase(context="Bye.", reply="Later."),
    )
    kept = {row["text"]: row for row in PhraseBase.open(folder).contents.phrases.to_pylist()}
    vectors = np.array(PhraseBase.open(folder).contents.reply_vectors)

    def refuse(ref: str) -> None:
        raise AssertionError("no encoder is needed to remove")

    monkeypatch.setattr("blender.models.encoder.load_encoder", refuse)
    assert remove(folder, ["HELLO"]) == 1
    assert contents(folder) == {"Yo.": {"Hi."}, "See you.": {"Bye."}, "Later.": {"Bye."}}
    assert remove(folder, where={"tag": "old", "weight": 2}) == 1
    left = PhraseBase.open(folder)
    assert [row["text"] for row in left.contents.phrases.to_pylist()] == ["Yo.", "Later."]
    assert all(row == kept[row["text"]] for row in left.contents.phrases.to_pylist())
    np.testing.assert_array_equal(left.contents.reply_vectors, vectors[[1, 3]])


def test_what_cannot_be_removed(make_base: Make) -> None:
    folder = make_base(("Hi.", "Hello."), ("Bye.", "See you."))
    before = bytes_of(folder)
    with pytest.raises(BadInput) as caught:
        remove(folder, ["Hello.", "one", "two"])
    assert len(caught.value.problems) == 2
    with pytest.raises(BadInput, match="nothing to remove"):
        remove(folder)
    with pytest.raises(BadInput, match="leave nothing"):
        remove(folder, ["hello", "see you"])
    with pytest.raises(BadInput, match="no column 'tag'"):
        remove(folder, where={"tag": "x"})
    assert bytes_of(folder) == before


def test_a_base_is_not_overwritten_unasked(make_base: Make, encoder: Any) -> None:
    folder = make_base(("Hi.", "Hello."))
    with pytest.raises(BadInput, match="holds a base already"):
        build_base([Phrase(reply="x")], folder, PLAIN, encoder=encoder)
    build_base([Phrase(reply="x")], folder, PLAIN, encoder=encoder, overwrite=True)
    assert contents(folder) == {"x": set()}
    assert len(list(folder.iterdir())) == 5, "files of the base before are gone"


def test_a_bad_row_leaves_nothing(tmp_path: Path, encoder: Any) -> None:
    def rows() -> Iterator[Phrase]:
        yield Phrase(reply="Good.")
        yield Phrase(reply=" ")

    with pytest.raises(BadInput):
        build_base(rows(), tmp_path / "b", PLAIN, encoder=encoder)
    with pytest.raises(BadInput, match="at least one phrase"):
        build_base([], tmp_path / "b", PLAIN, encoder=encoder)
    assert not (tmp_path / "b").exists()


def test_a_place_that_cannot_be(tmp_path: Path, encoder: Any) -> None:
    (tmp_path / "file").write_text("x")
    for place in (tmp_path / "file", tmp_path / "file" / "base"):
        with pytest.raises(BadInput, match="is a file"):
            build_base([Phrase(reply="x")], place, PLAIN, encoder=encoder)
    assert (tmp_path / "file").read_text() == "x"


def test_columns_of_two_kinds_are_refused(make_base: Make, encoder: Any) -> None:
    with pytest.raises(BadInput, match="'tag' is text for 1 phrases and a number for 1"):
        make_base(Phrase(reply="a b", columns={"tag": "x"}), Phrase(reply="c d", columns={"tag": 1}))
    folder = make_base(Phrase(reply="a b", columns={"tag": "x"}))
    with pytest.raises(BadInput, match="'tag' is string in the base and double"):
        add(folder, [Phrase(reply="c d", columns={"tag": 1})], encoder=encoder)


def read(path: Path, text: str) -> list[Phrase]:
    path.write_text(text)
    return list(read_phrases(path))


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        (("0.5", "0.25"), ("0.0", "0"), [0.5, 0.25, 0.0, 0.0]),
        (("007", "012"), ("101", "1.50"), ["007", "012", "101", "1.50"]),
        (("x", "y"), ("101", "102"), ["x", "y", "101", "102"]),
    ],
)
def test_a_column_of_several_csv_files_is_of_one_kind(
    make_base: Make, tmp_path: Path, encoder: Any, first: tuple[str, str], second: tuple[str, str], kept: list[Any]
) -> None:
    one = read(tmp_path / "one.csv", "reply,id\nRed.,{}\nGreen.,{}\n".format(*first))
    two = read(tmp_path / "two.csv", "reply,id\nBlue.,{}\nWhite.,{}\n".format(*second))
    together, grown = make_base(*one, *two, name="together"), make_base(*one, name="grown")
    add(grown, two, encoder=encoder)
    for folder in (together, grown):
        assert PhraseBase.open(folder).contents.phrases["column:id"].to_pylist() == kept
        assert remove(folder, where={"id": second[1]}) == kept.count(kept[-1])


def test_a_number_that_is_too_long_is_refused_by_a_base_alone(make_base: Make, tmp_path: Path) -> None:
    phrases = read(tmp_path / "a.jsonl", '{"reply": "x", "id": 1234567890123456789}')
    assert phrases[0].columns == {"id": 1234567890123456789}, "who does not read the column reads the file"
    with pytest.raises(BadInput, match="'id' holds 1234567890123456789, too long for a number; write it as text"):
        make_base(*phrases)


@pytest.mark.parametrize("lasting", range(5))
def test_a_full_disk_leaves_the_old_base(
    make_base: Make, encoder: Any, monkeypatch: pytest.MonkeyPatch, lasting: int
) -> None:
    folder = make_base(("Hi.", "Hello."), ("Bye.", "See you."))
    before = bytes_of(folder)
    real, written = store._write, iter(range(lasting))

    def full(stream: Any, *parts: Any) -> None:
        if next(written, None) is None:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(stream, *parts)

    monkeypatch.setattr(store, "_write", full)
    with pytest.raises(BadBase, match=r"No space left on device; it is as it was before"):
        add(folder, [Phrase(context="What?", reply="Nothing.")], encoder=encoder)
    assert bytes_of(folder) == before
    with pytest.raises(BadBase, match="nothing of it is left"):
        build_base([Phrase(reply="x")], folder.parent / "new", PLAIN, encoder=encoder)
    assert not (folder.parent / "new").exists()


def test_who_has_a_base_open_keeps_it(make_base: Make, encoder: Any) -> None:
    folder = make_base(("Hi.", "Hello."), ("Bye.", "See you."))
    opened = PhraseBase.open(folder, encoder=encoder)
    remove(folder, ["Hello."])
    assert [hit.text for hit in opened.search([Dialog.of("Hi.")], 1)[0]] == ["Hello."]
    assert [hit.text for hit in PhraseBase.open(folder, encoder=encoder).search([Dialog.of("Hi.")], 1)[0]] == [
        "See you."
    ]


def test_stored_columns_are_measured_once_and_drop(tmp_path: Path, encoder: Any) -> None:
    chosen = BaseSettings(stored=("shouting.loud",), drop_above={"shouting.loud": 0.5})
    phrases = [Phrase(context="Hi.", reply="Hello."), Phrase(context="Hi.", reply="GO AWAY"), Phrase(reply="hello")]
    loud = {"shouting": Shouting()}
    base = build_base(phrases, tmp_path / "b", chosen, encoder=encoder, annotators=loud)
    assert contents(base.folder) == {"Hello.": {"Hi."}}
    hit = base.search([Dialog.of("Hi.")], 1)[0][0]
    assert hit.stored == {"shouting-1:shouting.loud": pytest.approx(1 / 6)}
    assert hit.times == 2
    base = add(base.folder, [Phrase(reply="STOP"), Phrase(reply="Stay")], encoder=encoder, annotators=loud)
    assert set(contents(base.folder)) == {"Hello.", "Stay"}
    with pytest.raises(BadInput, match="no phrase is left"):
        build_base([Phrase(reply="NO")], tmp_path / "c", chosen, encoder=encoder, annotators=loud)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"collapse_above": 0}, "collapse_above"),
        ({"turns": 0}, "turns"),
        ({"fade": 1.5}, "fade"),
        ({"stored": ("toxicity",)}, "annotator.column"),
        ({"stored": (), "drop_above": {"toxicity.toxic": 0.5}}, "only stored columns"),
    ],
)
def test_settings_out_of_range(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        BaseSettings(**wrong)


def test_a_column_no_annotator_has() -> None:
    from blender.index.growing import stored_annotators

    with pytest.raises(BadInput, match="no column 'bad'"):
        stored_annotators(BaseSettings(stored=("length.bad",)))


def test_what_a_killed_process_left_goes_with_the_next_change(make_base: Make, encoder: Any) -> None:
    folder = make_base(("Hi.", "Hello there!"))
    left = [f".phrases-0123456789ab.arrow.{'a' * 32}", f".manifest.json.{'b' * 32}", "reply_vectors-0123456789ab.npy"]
    for name in (*left, ".hidden"):
        (folder / name).write_bytes(b"cut sho")
    add(folder, [Phrase(reply="See you.")], encoder=encoder)
    assert not [name for name in left if (folder / name).exists()]
    assert (folder / ".hidden").exists()
