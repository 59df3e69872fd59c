"""The labelled sets of a data folder, prepared as all published figures are measured: one language, not too many."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from blender.errors import BadInput
from blender.models.cache import cache_folder
from blender.training.prepare import Prepared, prepare

ENGLISH = "en"
RULES_READ = ("perplexity",)  # by rules that a ranker has to beat, though the default one does without it
MOST_CONTEXTS = 500
"""Of one set; more of the largest would cost hours of language model and tell little more."""


def label_files(data: Path) -> list[Path]:
    """The label files of a data folder.

    Raises:
        BadInput: there are none.
    """
    files = sorted((data / "labelled").glob("*.jsonl"))
    if not files:
        raise BadInput(f"{data / 'labelled'} holds no .jsonl file; lay the folder out as docs/data.md says")
    return files


def prepare_english(
    files: Sequence[Path], annotators: Iterable[str] | None = None, *, beside: Sequence[str] = ()
) -> Prepared:
    """As `blender.training.prepare.prepare`, measurements from the cache.

    Args:
        files: of labels.
        annotators: names, each with its default settings; default: as there.
        beside: annotators whose columns only rules may read.

    Raises:
        BadInput: as there.
        UnknownName: there is no such annotator.
    """
    return prepare(
        files,
        cache_folder() / "features",
        annotators=None if annotators is None else {name: {} for name in annotators},
        locale=ENGLISH,
        most=MOST_CONTEXTS,
        beside=beside,
    )
