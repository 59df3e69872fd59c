"""Label Studio: a JSON file of tasks and the labelling configuration, and its JSON export.

A page is a task. Its ``data`` holds ``dialogue`` (author and text of each turn) and ``answers`` (item and text; in
single form also ``answer``, the text); the questions of answer ``i`` are the controls ``sensible_i`` and ``specific_i``
with the choices 1 and 0. Who gets what, and how many annotators a task has, is Label Studio's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from blender.errors import BadInput
from blender.labelling.sheets.separated import read_bytes
from blender.labelling.sheets.sheet import Row, Sheet, turns
from blender.outputs import written_aside

SUFFIX = ".json"
CONFIG = ".config.xml"
_WORDS = {
    "en": ("Conversation; B's answer is to be judged", "Is it sensible?", "Is it specific?", "yes", "no"),
    "ru": ("Разговор; оценивается ответ B", "Осмысленно?", "Конкретно?", "да", "нет"),
}
_FRAME = """<View>
  <Header value="{conversation}"/>
  <Paragraphs name="dialogue" value="$dialogue" layout="dialogue" nameKey="author" textKey="text"/>
{answers}
</View>
"""
_REPEATED = """  <Repeater on="$answers" indexFlag="{{{{idx}}}}" mode="list">
{answer}
  </Repeater>"""
_ANSWER = """    <View style="border-top: 1px solid #ccc; padding: 0.5em 0">
      <Text name="answer_{at}" value="${value}"/>
      <Header value="{sensible}" size="5"/>
      <Choices name="sensible_{at}" toName="answer_{at}" choice="single-radio" showInline="true">
        <Choice value="{yes}" alias="1"/>
        <Choice value="{no}" alias="0"/>
      </Choices>
      <Header value="{specific}" size="5"/>
      <Choices name="specific_{at}" toName="answer_{at}" choice="single-radio" showInline="true">
        <Choice value="{yes}" alias="1"/>
        <Choice value="{no}" alias="0"/>
      </Choices>
    </View>"""


class _Value(msgspec.Struct, frozen=True):
    choices: list[str] = []


class _Result(msgspec.Struct):
    from_name: str = ""
    value: _Value = _Value()


class _Person(msgspec.Struct):
    id: int | None = None
    email: str = ""


class _Annotation(msgspec.Struct):
    result: list[_Result]
    completed_by: int | str | _Person | None = None
    was_cancelled: bool | None = False
    lead_time: float | None = None


class _Answer(msgspec.Struct):
    item: str
    text: str


class _Data(msgspec.Struct):
    campaign: str
    page: str
    answers: list[_Answer]


class _Task(msgspec.Struct):
    data: _Data
    annotations: list[_Annotation]
    id: int | None = None


def write(sheet: Sheet, path: Path) -> list[Path]:
    """Write the tasks, and beside them the labelling configuration to be pasted into the project's settings."""
    config = path.with_name(path.stem + CONFIG)
    with written_aside(path) as aside:
        aside.write_bytes(
            msgspec.json.format(msgspec.json.encode([_task(sheet, page) for page in sheet.pages])) + b"\n"
        )
    with written_aside(config) as aside:
        aside.write_text(configuration(sheet), encoding="utf-8")
    return [path, config]


def configuration(sheet: Sheet) -> str:
    """The labelling configuration (XML) for such tasks, in the language of most items."""
    conversation, sensible, specific, yes, no = _WORDS[sheet.locale]
    words = {"sensible": sensible, "specific": specific, "yes": yes, "no": no}
    if sheet.campaign.form == "single":
        answers = _ANSWER.format(at=0, value="answer", **words)
    else:
        answers = _REPEATED.format(answer=_ANSWER.format(at="{{idx}}", value="answers[{{idx}}].text", **words))
    return _FRAME.format(conversation=conversation, answers=answers)


def read(path: Path) -> list[Row]:
    """Read Label Studio's JSON export (not JSON-MIN); cancelled annotations are left out.

    A rater is named by the e-mail address, or where the export has the number only, ``label-studio-NUMBER``. The time
    of an annotation (``lead_time``) is shared evenly among its answers.

    Raises:
        BadInput: it cannot be read, or is no such export; every task that is wrong is listed.
    """
    try:
        raw = msgspec.json.decode(read_bytes(path))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise BadInput(f"{path.name}: is not JSON: {fault}; export the project as JSON") from None
    if not isinstance(raw, list) or not raw:
        raise BadInput(f"{path.name}: must be a list of tasks; export the project as JSON")
    problems, rows = [], list[Row]()
    for number, each in enumerate(raw, start=1):
        try:
            rows += _rows(path.name, number, msgspec.convert(each, _Task))
        except msgspec.ValidationError as fault:
            problems.append(f"{path.name}, task {number}: {fault}; export as JSON, not JSON-MIN or CSV")
    if problems:
        raise BadInput(problems)
    return rows


def _task(sheet: Sheet, page: str) -> dict[str, Any]:
    items = sheet.campaign.pages[page]
    said = [{"author": who, "text": text} for who, text in turns(items[0].dialog, sheet.locale)]
    answers = [{"item": item.id, "text": item.text} for item in items]
    # A place in a list is understood inside a repeater alone, so the one answer of a single page stands by itself too.
    alone = {"answer": items[0].text} if sheet.campaign.form == "single" else {}
    data = {"campaign": sheet.campaign.id, "page": page, "dialogue": said, "answers": answers, **alone}
    return {"data": data}


def _rows(file: str, number: int, task: _Task) -> Iterator[Row]:
    for place, annotation in enumerate(task.annotations, start=1):
        if annotation.was_cancelled:
            continue
        said = _said(annotation.result)
        for at, answer in enumerate(task.data.answers):
            yield Row(
                file=file,
                place=f"task {task.id or number}, annotation {place}, answer {at + 1}",
                campaign=task.data.campaign,
                item=answer.item,
                rater=_name(annotation.completed_by),
                sensible=said.get(f"sensible_{at}", ""),
                specific=said.get(f"specific_{at}", ""),
                answer=answer.text,
                seconds=None if annotation.lead_time is None else annotation.lead_time / len(task.data.answers),
            )


def _said(results: Sequence[_Result]) -> dict[str, str]:
    """The choice by the control's name; several choices of one are given together, and refused later."""
    said: dict[str, str] = {}
    for result in results:
        said[result.from_name] = "+".join([*filter(None, [said.get(result.from_name)]), *result.value.choices])
    return said


def _name(who: int | str | _Person | None) -> str:
    if isinstance(who, _Person):
        return who.email or _name(who.id)
    return f"label-studio-{who}" if isinstance(who, int) else who or ""
