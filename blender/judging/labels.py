"""Human labels of candidates, read from JSON lines or from the JSON of DSTC10 track 5.

**JSON lines**: one object a (context, response). Required are ``dialog_id``, ``context`` and ``response``, and one of
``sensible``, ``specific``, ``overall``, ``ratings``:

    {"dialog_id": "d1", "context": ["Hi!", "Hello.", "Any plans?"], "response": "Hiking.",
     "source": "my-model", "source_type": "generator",
     "ratings": [{"rater": "ann", "sensible": 1, "specific": 1}, {"rater": "bob", "sensible": 1, "specific": 0}]}

- ``context``: oldest first; strings alternate speakers and the last is the human's; where that does not hold, turns
  are ``{"speaker": "human", "text": "..."}``.
- rows with one ``dialog_id`` are one pool and share one context; ``dataset`` (default: the file's name) names the set.
- ``family``: sets that share material are left out of training together; default: the public set's, else its own.
- ``sensible``, ``specific``, ``overall``: means over raters, on 0..1; ``null`` = not asked.
- ``ratings``: each rater's own labels on 0..1 (``rater``, ``sensible``, ``specific``, ``overall``); means are taken
  from them where the row does not state them.
- ``source``, ``source_type`` (generator, retrieval, human, random, constant, canned), ``rank``, ``score``,
  ``features`` (the user's own columns), ``matched``, ``evidence``, ``facts``, ``locale``: as in the records.
- ``slices``: what the context belongs to, ``{"cluster": "3"}``, for scores by slice; ``{"dialog": "chat 7"}`` says of
  which conversation it is, whose contexts are never trained on and judged apart.
- of the public sets also ``labels`` with ``annotators`` (raw ratings, scaled by `blender.judging.scales`), ``corpus``,
  ``row_id``, ``flags`` and the like.

**DSTC10 JSON**: a list of ``{"dialogue_id", "model", "context": "turn\\nturn", "response", "reference",
"annotations": {quality: [one score per rater]}}``; a `Scheme` says which quality is which and on what scale.
``reference`` is not a candidate and is not read; rows without annotations are left out.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from blender.errors import BadInput
from blender.judging.dstc10 import parse_dstc10
from blender.judging.grouping import group_rows
from blender.judging.pools import LabelledPool
from blender.judging.rows import LabelRow, Problem, parse_line
from blender.judging.scales import Scheme

log = logging.getLogger(__name__)
_FEW = 10  # rows that say nothing of a file


def read_labels(path: str | Path, *, scheme: Scheme | None = None, locale: str = "en") -> list[LabelledPool]:
    """Read one file of labels; pools come in the order of their first row.

    Args:
        path: JSON lines, or a DSTC10 JSON list (told by its first character).
        scheme: which raw quality is which and on what scale; default: the public set's own
            (`blender.judging.scales.SCHEMES`), for DSTC10 JSON by the qualities' usual names on 1..5.
        locale: language of rows that do not say theirs.

    Raises:
        BadInput: the file cannot be read or rows are wrong; every problem is listed with its line (or entry).
    """
    path = Path(path)
    try:
        raw = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    except OSError as fault:
        raise BadInput(
            f"labels {path} cannot be read: {fault.strerror}; give a JSON lines or a DSTC10 JSON file"
        ) from None
    listed = raw.lstrip()[:1] == b"["
    rows, problems = parse_dstc10(raw, path.stem, scheme) if listed else _lines(raw)
    pools, more = group_rows(rows, path.stem, None if listed else scheme, locale=locale)
    if problems or more:
        place = f"{path}, entry" if listed else f"{path}, line"
        raise BadInput([f"{place} {number}: {text}" for number, text in sorted(problems + more)])
    if not pools:
        raise BadInput(f"{path} holds no labelled row; each line is one JSON object with context, response and labels")
    _refuse_row_per_rating(path, [row for _, row in rows])
    log.info("%s: %d contexts, %d candidates", path, len(pools), sum(map(len, pools)))
    return pools


def _refuse_row_per_rating(path: Path, rows: Sequence[LabelRow]) -> None:
    """A file with a row for each rating would make pools of copies; a few answers that come twice are data."""
    named = [(row.dataset, row.dialog_id, row.source, row.response) for row in rows if row.source is not None]
    different = len(set(named))
    if len(named) > _FEW and 2 * different <= len(named):
        raise BadInput(
            f"{path}: {len(named):,} rows hold {different:,} answers, the same of one source again and again; give "
            "each answer one row, and what several raters said of it as `ratings`"
        )


def _lines(raw: bytes) -> tuple[list[tuple[int, LabelRow]], list[Problem]]:
    rows: list[tuple[int, LabelRow]] = []
    problems: list[Problem] = []
    for number, line in enumerate(raw.split(b"\n"), start=1):
        if line.strip():
            row, wrong = parse_line(line, number)
            problems += wrong
            if row is not None:
                rows.append((number, row))
    return rows, problems
