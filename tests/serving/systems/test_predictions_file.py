from __future__ import annotations

import json
from pathlib import Path

import pytest

from blender.errors import BadInput, UnknownName
from blender.records import Dialog
from blender.serving.systems.predictions_file import PredictionsFile, open_file
from blender.serving.systems.records import outcome

IDS = ("a", "b")


def opened(path: Path, content: str | bytes, query: str = "", ids: tuple[str, ...] = IDS) -> PredictionsFile:
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return open_file("mine", f"file:{path}{query}", ids)


def problems(path: Path, content: str | bytes, query: str = "") -> tuple[str, ...]:
    with pytest.raises(BadInput) as caught:
        opened(path, content, query)
    assert all(problem.startswith(str(path)) for problem in caught.value.problems)
    return tuple(problem.removeprefix(f"{path}, ").removeprefix(f"{path}: ") for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("p.jsonl", '{"id": "b", "text": "two"}\n\n{"dialog_id": "a", "response": "one", "seconds": 3}\n'),
        ("p.csv", "id,text,note\nb,two,x\na,one,\n"),
        ("p.csv", "\ufefftext;dialog_id\ntwo;b\none;a\n"),
        ("p.csv", "dialog_id,answer\r\nb,two\r\n\r\na,one\r\n"),
        ("p.tsv", "id\tresponse\nb\ttwo\na\tone\n"),
        ("p.json", '[{"dialogue_id": "b", "response": "two", "context": "x"}, {"id": "a", "text": "one"}]'),
    ],
)
def test_every_form_gives_the_answers_by_dialog(name: str, content: str, tmp_path: Path) -> None:
    system = opened(tmp_path / name, content)
    assert [r.text for r in system.answer([Dialog.of("?", id="a"), Dialog.of("?", id="b")])] == ["one", "two"]


def test_a_cell_may_hold_several_lines_and_commas(tmp_path: Path) -> None:
    system = opened(tmp_path / "p.csv", 'id,text\na,"one,\nand ""more"""\nb,two\n')
    assert system.texts["a"] == 'one,\nand "more"'


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("p.jsonl", '{"id": "a", "text": null}\n{"id": "b", "text": ""}'),
        ("p.json", '[{"id": "a", "response": null}, {"id": "b", "response": ""}]'),
    ],
)
def test_null_is_no_answer_and_an_empty_one_is_empty(name: str, content: str, tmp_path: Path) -> None:
    system = opened(tmp_path / name, content)
    none, empty = system.answer([Dialog.of("?", id="a"), Dialog.of("?", id="b")])
    assert (none.text, outcome(none), none.pool) == ("", "abstained", [])
    assert (empty.text, outcome(empty), len(empty.pool)) == ("", "empty", 1)


def test_an_empty_cell_is_no_answer(tmp_path: Path) -> None:
    assert opened(tmp_path / "p.csv", "id,text\na,\nb,two\n").texts == {"a": None, "b": "two"}


def test_every_missing_doubled_and_unknown_id_is_listed_with_its_row(tmp_path: Path) -> None:
    told = problems(tmp_path / "p.csv", "id,text\na,one\nx,what\na,again\ny,\n")
    assert told == (
        "line 3: 'x' is none of the dialogs asked; remove the row, or mend its id",
        "line 4: the dialog 'a' is answered a second time (first in line 2); keep one answer",
        "line 5: 'y' is none of the dialogs asked; remove the row, or mend its id",
        "no row answers the dialog 'b'; add one, with null if there is no answer",
    )


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("p.jsonl", '{"id": "a", "text": "one"}\nrubbish\n{"id": "b", "text": "two"}', "line 2: not a JSON object"),
        ("p.jsonl", b'{"id": "a", "text": "\xff"}', "line 1: not a JSON object in UTF-8"),
        ("p.jsonl", '["a", "one"]', "line 1: must be a JSON object, got list"),
        ("p.jsonl", '{"id": "a", "text": 3}', "line 1: the answer must be text (str), got int"),
        ("p.jsonl", '{"id": "a", "text": "\\u0000"}', "line 1: the answer holds a NUL"),
        ("p.jsonl", '{"id": "a", "text": "\\ud800"}', "line 1: the answer holds a lone surrogate"),
        ("p.jsonl", '{"id": "a", "reply": "one"}', "line 1: has no 'text' or 'response' or 'answer'; it has 'id', 'r"),
        ("p.jsonl", '{"id": "a", "text": "one", "answer": "two"}', "line 1: text and answer are names of one thing"),
        ("p.jsonl", '{"id": null, "text": "one"}', "line 1: the dialog's id must be text"),
        ("p.csv", "a,one\nb,two\n", "has no 'id' or 'dialog_id'; it has 'a', 'one'"),
        ("p.csv", "id,text\na,one,more\nb,two\n", "line 2: has 3 cells, the header 2"),
        ("p.jsonl", "[" * 100_000, "line 1: not a JSON object"),
        ("p.json", "[" * 100_000, "not JSON"),
        ("p.csv", "id,text,text\na,one,another\nb,two,other\n", "names 'text' more than once"),
        ("p.csv", b"id,text\na,\xe9t\xe9\n", "line 2: not UTF-8"),
        ("p.csv", 'id,text\na,"one\n', "not CSV"),
        ("p.csv", "", "has no 'id' or 'dialog_id'; it has nothing"),
        ("p.json", '{"a": "one"}', "must be a JSON list of entries"),
        ("p.json", '[{"dialogue_id": "a"}]', "entry 1: has no 'text'"),
        ("p.json", "[", "not JSON"),
    ],
)
def test_bad_input_is_told_with_its_row(name: str, content: str | bytes, says: str, tmp_path: Path) -> None:
    assert any(says in problem for problem in problems(tmp_path / name, content)), problems(tmp_path / name, content)


def test_one_model_of_a_dstc10_list(tmp_path: Path) -> None:
    entries = [
        {"dialogue_id": id, "model": model, "response": f"{model} to {id}"} for id in IDS for model in ("big", "small")
    ]
    path = tmp_path / "p.json"
    assert opened(path, json.dumps(entries), "?model=small").texts == {"a": "small to a", "b": "small to b"}
    assert sum("answered a second time" in problem for problem in problems(path, json.dumps(entries))) == 2
    assert len(problems(path, json.dumps(entries), "?model=huge")) == 2  # nobody answers
    assert "'model'" in problems(tmp_path / "p.csv", "id,text\na,one\n", "?model=big")[0]


def test_the_kind_of_the_source_can_be_said(tmp_path: Path) -> None:
    content = '{"id": "a", "text": "one"}'
    system = opened(tmp_path / "p.jsonl", content, "?kind=human", ids=("a",))
    assert system.answer([Dialog.of("?", id="a")])[0].pool[0].kind == "human"
    with pytest.raises(BadInput, match="kind must be one of"):
        opened(tmp_path / "p.jsonl", content, "?kind=robot", ids=("a",))
    with pytest.raises(UnknownName, match="did you mean 'kind'"):
        opened(tmp_path / "p.jsonl", content, "?kinds=human", ids=("a",))


def test_another_file_has_another_fingerprint(tmp_path: Path) -> None:
    one = opened(tmp_path / "p.csv", "id,text\na,one\nb,two\n")
    other = opened(tmp_path / "p.csv", "id,text\na,one\nb,three\n")
    assert one.made_by != other.made_by


def test_a_file_that_is_not_there_or_of_no_known_kind(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        open_file("mine", f"file:{tmp_path / 'none.csv'}", IDS)
    with pytest.raises(BadInput, match=r"accepted: \.jsonl, \.ndjson, \.csv"):
        open_file("mine", f"file:{tmp_path / 'none.xlsx'}", IDS)
