from __future__ import annotations

import csv
import json
import tarfile
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from blender.errors import BadInput
from blender.index.corpus import Phrase, answering_words, of_words, read_phrases

KOZIEV = Path(__file__).resolve().parents[2] / "../shared/data/corpus-koziev-ru/cornell_movie_corpus.tar.xz"


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_csv_carries_every_other_column(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'context,reply,tag,weight\n"How are\nyou?",Fine.,small,1\n,"Well, hi",,2.5\n')
    assert list(read_phrases(path)) == [
        Phrase(context="How are\nyou?", reply="Fine.", columns={"tag": "small", "weight": 1.0}),
        Phrase(reply="Well, hi", columns={"weight": 2.5}),
    ]


def test_a_csv_column_with_one_word_in_it_stays_text(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "reply,code\nOne.,7\nTwo.,x7\n")
    assert [phrase.columns["code"] for phrase in read_phrases(path)] == ["7", "x7"]


@pytest.mark.parametrize(
    ("first", "second"),
    [("1234567890123456789", "1234567890123456790"), ("007", "7"), ("1_0", "10"), ("0" * 5_000, "1" * 5_000)],
)
def test_names_made_of_digits_stay_text(tmp_path: Path, first: str, second: str) -> None:
    path = write(tmp_path / "a.csv", f"reply,id\nOne.,{first}\nTwo.,{second}\n")
    assert [phrase.columns["id"] for phrase in read_phrases(path)] == [first, second]


def test_numbers_are_numbers_however_they_are_written(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "reply,score\nOne.,-0.0\nTwo.,0\nThree.,0.50\nFour.,0.5\nFive.,5e-1\n")
    assert [phrase.columns["score"] for phrase in read_phrases(path)] == [0, 0, 0.5, 0.5, 0.5]


def test_what_cannot_be_kept_is_told_with_its_line(tmp_path: Path) -> None:
    rows = ['{"reply": "x", "\\ud800": 1}', "[" * 100_000]
    path = write(tmp_path / "a.jsonl", "\n".join(rows))
    with pytest.raises(BadInput) as told:
        list(read_phrases(path))
    for problem, says in zip(told.value.problems, ("a column's name", "is not JSON"), strict=True):
        assert says in problem


def test_numbers_as_replies_stay_text(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", "context\treply\n2 and 2?\t4\n")
    assert list(read_phrases(path)) == [Phrase(context="2 and 2?", reply="4")]


def test_json_lines_hold_phrases_and_conversations(tmp_path: Path) -> None:
    rows = [
        {"context": ["Hi.", "Hello!"], "reply": "How are you?", "locale": "en", "score": 3},
        {"turns": ["Hi.", {"speaker": "bot", "text": "Hello!"}, "Bye."], "locale": "en"},
    ]
    path = write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows)) + "\n\n")
    assert list(read_phrases(path)) == [
        Phrase(context="Hi.\nHello!", reply="How are you?", columns={"locale": "en", "score": 3}),
        Phrase(context="Hi.", reply="Hello!", columns={"locale": "en"}),
        Phrase(context="Hi.\nHello!", reply="Bye.", columns={"locale": "en"}),
    ]


def test_parquet(tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"reply": ["Fine.", "Hi."], "context": ["How?", None], "w": [1.5, None]}), tmp_path / "a.parquet"
    )
    assert list(read_phrases(tmp_path / "a.parquet")) == [
        Phrase(context="How?", reply="Fine.", columns={"w": 1.5}),
        Phrase(reply="Hi."),
    ]


def test_parquet_whose_pages_are_broken_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"reply": [f"Answer {at}." for at in range(500)]}), path)
    whole = path.read_bytes()
    path.write_bytes(whole[:10] + bytes(255 for _ in range(40)) + whole[50:])
    with pytest.raises(BadInput, match=r"a\.parquet cannot be read as Parquet"):
        list(read_phrases(path))


def test_messages_of_one_turn_are_joined(tmp_path: Path) -> None:
    chat = {
        "x": {"messages": [[{"text": "Hi"}, {"text": "you "}], [{"text": " "}], [{"text": "Hello"}]]},
        "y": {"messages": []},
    }
    path = write(tmp_path / "a.json", json.dumps(chat))
    assert list(read_phrases(path)) == [Phrase(context="Hi you", reply="Hello")]


def test_script(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "\n- Привет\nвсем!\n- Пока.\n\n\n- Один.\n\nБез черты.\n- Да.\n")
    assert list(read_phrases(path)) == [
        Phrase(context="Привет всем!", reply="Пока."),
        Phrase(context="Без черты.", reply="Да."),
    ]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        (
            "a.csv",
            "reply,tag\nGood.,a\n \nBad.,b,c\n  ,d\nNul\x00,e\n",
            ["a.csv:3:", "a.csv:4:", "a.csv:5:", "a.csv:6:"],
        ),
        (
            "a.jsonl",
            '{"reply": "Good."}\nnope\n[1]\n{"context": "x"}\n{"reply": 3}\n{"reply": "a", "tags": ["x"]}\n'
            '{"turns": ["a", ""]}\n{"turns": "a"}\n{"turns": ["a"], "reply": "b"}\n{"reply": "\\ud800"}\n',
            [f"a.jsonl:{line}:" for line in range(2, 11)],
        ),
        (
            "a.json",
            '[{"reply": "Good."}, 3, {"messages": ["x"]}, {"messages": [["x"]]}]',
            ["a.json:2:", "a.json:3:", "a.json:4:"],
        ),
    ],
)
def test_bad_rows_are_listed_together_with_their_lines(
    tmp_path: Path, name: str, content: str, expected: list[str]
) -> None:
    path = write(tmp_path / name, content)
    with pytest.raises(BadInput) as caught:
        list(read_phrases(path))
    assert [problem[: len(each)] for problem, each in zip(caught.value.problems, expected, strict=True)] == expected


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.csv", "text,tag\nx,y\n", "no column 'reply'"),
        ("a.csv", "", "no column 'reply'"),
        ("a.csv", "reply,tag,tag\nx,y,z\n", "'tag' more than once"),
        ("a.csv", 'reply\n"never closed\n', "is not CSV"),
        ("a.csv", b"reply\n\xff\xfe\n", "lone surrogate"),
        ("a.jsonl", b'{"reply": "\xff"}', "is not UTF-8"),
        ("a.jsonl", "\n", "no phrase"),
        ("a.json", "{", "is not JSON"),
        ("a.json", "3", "must hold a list"),
        ("a.parquet", "not parquet", "cannot be read as Parquet"),
        ("a.docx", "x", "kind that is not known"),
        ("a.txt", "", "no phrase"),
    ],
)
def test_files_that_are_refused(tmp_path: Path, name: str, content: str | bytes, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        list(read_phrases(write(tmp_path / name, content)))


def test_a_cell_that_is_too_long_is_told_with_the_limit(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'reply\nHi.\n"never closed\n' + "Hello.\n" * 100)
    before = csv.field_size_limit(500)
    try:
        with pytest.raises(BadInput, match=r"a\.csv:3: a cell has more than 500 characters, .*close the quote"):
            list(read_phrases(str(path)))
    finally:
        csv.field_size_limit(before)


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(BadInput, match=r"no phrase file at 'nowhere\.csv'"):
        list(read_phrases("nowhere.csv"))


def test_words_are_counted() -> None:
    phrases = [Phrase(reply="one two three"[:cut]) for cut in (3, 7, 13)]
    assert [phrase.reply for phrase in of_words(phrases, 2, 2)] == ["one two"]
    asked = [Phrase(context="Do you like tea?\nYes, I do.", reply="Me too."), Phrase(reply="Hi.")]
    assert list(answering_words(asked, 1, 3)) == asked[:1]
    assert list(answering_words(asked, 4, 9)) == []


@pytest.mark.slow
def test_the_packaged_chats() -> None:
    phrases = list(of_words(read_phrases("pkg:chitchat_dataset"), 4, 25))
    assert len(list(answering_words(phrases, 3, 25))) == 65_970
    assert all(1 <= len(phrase.context.split("\n")) <= 4 for phrase in phrases)


@pytest.mark.slow
def test_russian_film_dialogues(tmp_path: Path) -> None:
    if not KOZIEV.exists():
        pytest.skip("the Russian film dialogues are not beside the project")
    with tarfile.open(KOZIEV) as tar:
        stream = tar.extractfile(tar.getmembers()[0])
        assert stream is not None
        text = b"".join(islice(stream, 3_000))
    phrases = list(read_phrases(write(tmp_path / "film.txt", text)))
    assert len(phrases) > 1_000
    assert phrases[0].context.startswith("Ты приглашаешь меня на свидание.")
    assert phrases[0].reply == "Забудь об этом."
