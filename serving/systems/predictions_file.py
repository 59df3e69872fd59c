"""Predictions made elsewhere as a system: ``file:preds.jsonl``, ``.csv``, ``.tsv`` or ``.json``.

JSON lines and CSV have ``id`` (or ``dialog_id``) and ``text`` (or ``response``, ``answer``); other columns are not
read. The ``.json`` is a DSTC10 list with ``dialogue_id`` and ``response``. ``null`` (in CSV an empty cell) says that
the system gave no answer. Options follow a ``?``: ``kind=human`` says what sort of source it was, ``model=NAME`` takes
the entries of one model alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args
from urllib.parse import parse_qsl

from blender.errors import BadInput, UnknownName
from blender.problems import Problems
from blender.records import Candidate, Dialog, Kind
from blender.serving.record import AnswerRecord
from blender.serving.systems.prediction_rows import READERS, Predicted
from blender.serving.systems.records import system_record

_OPTIONS = ("kind", "model")


@dataclass(frozen=True, kw_only=True)
class PredictionsFile:
    """Answers by dialog id.

    Attributes:
        name: of the system.
        kind: what sort of source made them.
        texts: answers by dialog id; ``None`` = no answer was given.
        digest: of the file and its options.
    """

    name: str
    kind: Kind
    texts: Mapping[str, str | None] = field(repr=False)
    digest: str
    talks: bool = False

    @property
    def made_by(self) -> Mapping[str, str]:
        """Digest of the file."""
        return {"predictions": self.digest}

    def answer(self, dialogs: Sequence[Dialog]) -> list[AnswerRecord]:
        """What the file says; how long it took is not known."""
        return [self._record(dialog, self.texts[dialog.id]) for dialog in dialogs]

    def _record(self, dialog: Dialog, text: str | None) -> AnswerRecord:
        candidates = () if text is None else (Candidate(text=text, source=self.name, kind=self.kind),)
        abstained = "the predictions hold no answer" if text is None else None
        return system_record(dialog, candidates, source=self.name, abstained=abstained)


def open_file(name: str, spec: str, ids: Collection[str]) -> PredictionsFile:
    """Read predictions and see that they answer each of the dialogs once.

    Raises:
        UnknownName: an option is not known.
        BadInput: the file cannot be read or does not fit the dialogs; every problem is listed with its row.
    """
    where, _, query = spec.removeprefix("file:").partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    for option in options:
        if option not in _OPTIONS:
            raise UnknownName("option of a file of predictions", option, _OPTIONS)
    kind = options.get("kind", "unknown")
    if kind not in get_args(Kind):
        raise BadInput(f"kind must be one of {', '.join(get_args(Kind))}; got {kind!r}")
    path = Path(where).expanduser()
    if path.suffix.lower() not in READERS:
        raise BadInput(f"{path} is of a kind that is not known; accepted: {', '.join(READERS)}")
    try:
        raw = path.read_bytes()
        rows = list(READERS[path.suffix.lower()](raw, options.get("model")))
    except OSError as fault:
        raise BadInput(f"{path} cannot be read: {fault.strerror}") from None
    except BadInput as fault:
        raise BadInput([f"{path}, {problem}" for problem in fault.problems]) from None
    made = hashlib.sha256(query.encode() + b"\n" + raw).hexdigest()[:16]
    return PredictionsFile(name=name, kind=kind, texts=_fitting(path, rows, ids), digest=made)  # type: ignore[arg-type]


def _fitting(path: Path, rows: Sequence[Predicted], ids: Collection[str]) -> dict[str, str | None]:
    """Answers by id, each of the dialogs answered once."""
    report = Problems()
    texts: dict[str, str | None] = {}
    first: dict[str, str] = {}
    for row in rows:
        place = f"{path}, {row.place}"
        if row.problem:
            report.add([f"{place}: {row.problem}"])
        elif row.id in first:
            again = f"the dialog {row.id!r} is answered a second time (first in {first[row.id]}); keep one answer"
            report.add([f"{place}: {again}"])
        elif row.id not in ids:
            report.add([f"{place}: {row.id!r} is none of the dialogs asked; remove the row, or mend its id"])
        first.setdefault(row.id, row.place)
        texts.setdefault(row.id, row.text)
    missing = [id for id in ids if id not in first]
    report.add(
        [f"{path}: no row answers the dialog {id!r}; add one, with null if there is no answer" for id in missing]
    )
    report.raise_any()
    return texts
