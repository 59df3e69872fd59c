"""Writing figures: JSON, pictures, and the part of a document between two markers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from blender.outputs import written_aside

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_HEAD = "# Quality\n"
RETRIEVER = "retriever"
"""Name of the document and of the JSON file about the base and the retriever, to which several commands write."""


def table(head: Sequence[object], rows: Iterable[Sequence[object]]) -> list[str]:
    """A table in markdown."""
    return [_row(head), "|" + "---|" * len(head), *map(_row, rows)]


def _row(cells: Sequence[object]) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write aside, then rename."""
    _replace(path, msgspec.json.format(msgspec.json.encode(values)).decode() + "\n")


def write_part(project: Path, part: str, values: Mapping[str, Any], lines: Sequence[str]) -> None:
    """Replace one part of ``docs/retriever.md`` (what stands between its markers) and of ``benchmarks/retriever.json``.

    Args:
        project: folder that holds ``docs`` and ``benchmarks``.
        part: name of the markers, and key of the JSON object.
        values: figures, with the command, seeds and n beside them.
        lines: markdown.
    """
    path = project / "benchmarks" / f"{RETRIEVER}.json"
    known = msgspec.json.decode(path.read_bytes()) if path.exists() else {}
    write_json(path, dict(sorted({**known, part: dict(values)}.items())))
    write_between_markers(project / "docs" / f"{RETRIEVER}.md", part, lines)


def write_between_markers(path: Path, name: str, lines: Sequence[str]) -> None:
    """Replace what stands between ``<!-- NAME -->`` and ``<!-- /NAME -->``; both are added at the end if absent."""
    text = path.read_text(encoding="utf-8") if path.exists() else _HEAD
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    body = "\n".join([begin, *lines, end])
    if begin in text and end in text:
        before, _, rest = text.partition(begin)
        _replace(path, before + body + rest.partition(end)[2])
    else:
        _replace(path, text.rstrip() + "\n\n" + body + "\n")


def write_picture(path: Path, figure: Figure, dpi: int) -> None:
    """Write a PNG aside, then rename; the same figure gives the same bytes."""
    with written_aside(path) as aside:
        figure.savefig(aside, dpi=dpi, format="png", metadata={"Software": None})


def _replace(path: Path, text: str) -> None:
    with written_aside(path) as aside:
        aside.write_text(text, encoding="utf-8")
