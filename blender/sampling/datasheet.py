"""The datasheet of a sample: what it was drawn from, how, and what came of it.

After Gebru et al., *Datasheets for Datasets*, CACM 64(12), 2021, of which it answers composition, collection and
preprocessing; why the corpus is trusted only its owner can say.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from blender import __version__
from blender.models.cache import file_digest
from blender.reading import Task
from blender.sampling.draw import Sample, Wanted, nearest, stratum
from blender.sampling.lengths import BUCKETS

_EXAMPLES = 3
_SHOWN = 4  # turns of an example
_MARKUP = re.compile(r"([\\`*_\[\]<>#|&~])")


class Stratum(msgspec.Struct, kw_only=True, frozen=True):
    """Contexts of one length bucket and cluster: how many could have been drawn, and how many were."""

    length: str
    cluster: str
    frame: int
    drawn: int


class Cluster(msgspec.Struct, kw_only=True, frozen=True):
    """A cluster and the contexts nearest to its centre; of each the last turns, oldest first."""

    cluster: str
    frame: int
    drawn: int
    examples: list[list[str]]


class Datasheet(msgspec.Struct, kw_only=True, frozen=True):
    """What a sample is.

    Attributes:
        made_by: version of the software.
        command: that makes the same sample again.
        corpus: as it was named.
        corpus_fingerprint: SHA-256 of its file.
        encoder: reference of the sentence encoder.
        encoder_fingerprint: of its model and method.
        settings: all that was asked for, the seed among it.
        conversations: in the corpus.
        dropped: conversations that gave no context to draw from, by reason.
        frame: contexts that could have been drawn, one of a conversation.
        drawn: contexts that were.
        referenced: drawn contexts of which it is known what was really said next.
        strata: by length and cluster.
        turns: how many contexts of the frame and of the sample have so many turns, by number of turns.
        words: least, median and most words of the last turn, of the frame and of the sample.
        languages: as the rows say, or as was given; not detected. Counts in the frame and in the sample.
        clusters: with examples.
    """

    made_by: str
    command: str
    corpus: str
    corpus_fingerprint: str
    encoder: str
    encoder_fingerprint: str
    settings: dict[str, float | str]
    conversations: int
    dropped: dict[str, int]
    frame: int
    drawn: int
    referenced: int
    strata: list[Stratum]
    turns: dict[str, tuple[int, int]]
    words: dict[str, tuple[int, int, int]]
    languages: dict[str, tuple[int, int]]
    clusters: list[Cluster]


def datasheet(
    sample: Sample, wanted: Wanted, *, corpus: str, command: str, encoder: str, encoder_fingerprint: str
) -> Datasheet:
    """Describe a sample."""
    frame, drawn = sample.frame, sample.drawn
    strata = _both(map(stratum, frame), map(stratum, drawn))
    clusters = _both((task.slices["cluster"] for task in frame), (task.slices["cluster"] for task in drawn))
    turns = _both((len(task.dialog.turns) for task in frame), (len(task.dialog.turns) for task in drawn))
    return Datasheet(
        made_by=f"response-blender {__version__}",
        command=command,
        corpus=corpus,
        corpus_fingerprint=file_digest(sample.path),
        encoder=encoder,
        encoder_fingerprint=encoder_fingerprint,
        settings={name: getattr(wanted, name) for name in wanted.__dataclass_fields__},
        conversations=sample.read,
        dropped=sample.dropped,
        frame=len(frame),
        drawn=len(drawn),
        referenced=sum(task.reference is not None for task in drawn),
        strata=[
            Stratum(length=length, cluster=cluster, frame=there, drawn=taken)
            for (length, cluster), (there, taken) in sorted(strata.items(), key=_by_length)
        ],
        turns={str(count): pair for count, pair in sorted(turns.items())},
        words={"frame": _spread(frame), "drawn": _spread(drawn)},
        languages=_both((task.dialog.locale for task in frame), (task.dialog.locale for task in drawn)),
        clusters=[
            Cluster(cluster=name, frame=there, drawn=taken, examples=_examples(sample, name))
            for name, (there, taken) in sorted(clusters.items(), key=lambda each: int(each[0]))
        ],
    )


def as_markdown(sheet: Datasheet) -> str:
    """The datasheet for people; texts of the corpus are escaped."""
    lines = [
        f"# Datasheet: {sheet.drawn:,} contexts of {_quoted(sheet.corpus)}",
        "",
        *_table(("", ""), [(name, _quoted(value)) for name, value in _facts(sheet).items()]),
        "",
        "## Left out",
        "",
        *[f"- {count:,}: {_quoted(reason)}" for reason, count in sheet.dropped.items()],
        *([] if sheet.dropped else ["Nothing."]),
        "",
        "## Strata",
        "",
        "*Frame*: contexts that could have been drawn, one of a conversation; drawn in proportion.",
        "",
        *_table(
            ("length", "cluster", "frame", "drawn"), [(s.length, s.cluster, s.frame, s.drawn) for s in sheet.strata]
        ),
        "",
        "## Turns",
        "",
        *_table(("turns", "frame", "drawn"), [(count, *pair) for count, pair in sheet.turns.items()]),
        "",
        "## Clusters",
    ]
    for cluster in sheet.clusters:
        lines += ["", f"### Cluster {cluster.cluster}: {cluster.drawn:,} of {cluster.frame:,} drawn", ""]
        lines += [f"- {' → '.join(map(_quoted, example))}" for example in cluster.examples]
    return "\n".join(lines) + "\n"


def _facts(sheet: Datasheet) -> Mapping[str, str]:
    frame, drawn = (sheet.words[name] for name in ("frame", "drawn"))
    return {
        "made by": sheet.made_by,
        "command": sheet.command,
        "corpus": f"{sheet.corpus}, SHA-256 {sheet.corpus_fingerprint}",
        "encoder": f"{sheet.encoder}, fingerprint {sheet.encoder_fingerprint}",
        "settings": ", ".join(f"{name} {value}" for name, value in sheet.settings.items()),
        "conversations read": f"{sheet.conversations:,}",
        "frame": f"{sheet.frame:,} contexts",
        "drawn": f"{sheet.drawn:,} contexts; of {sheet.referenced:,} it is known what was said next",
        "languages": ", ".join(f"{name}: {pair[1]:,} of {pair[0]:,}" for name, pair in sheet.languages.items())
        + " (as stated, not detected)",
        "words of the last turn": f"drawn {_words(drawn)}; frame {_words(frame)}",
    }


def _words(spread: tuple[int, int, int]) -> str:
    return f"{spread[0]} to {spread[2]}, median {spread[1]}"


def _both(frame: Iterable[Any], drawn: Iterable[Any]) -> dict[Any, tuple[int, int]]:
    there, taken = Counter(frame), Counter(drawn)
    return {each: (there[each], taken[each]) for each in there}


def _spread(tasks: Sequence[Task]) -> tuple[int, int, int]:
    counts = sorted(len(task.dialog.last.split()) for task in tasks)
    return counts[0], counts[len(counts) // 2], counts[-1]


def _examples(sample: Sample, cluster: str) -> list[list[str]]:
    return [list(task.dialog.texts[-_SHOWN:]) for task in nearest(sample, cluster, _EXAMPLES)]


def _by_length(each: tuple[tuple[str, str], tuple[int, int]]) -> tuple[int, int]:
    (length, cluster), _ = each
    return BUCKETS.index(length), int(cluster)


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [
        "| " + " | ".join(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row) + " |" for row in lines
    ]


def _quoted(text: str) -> str:
    """The text on one line with nothing in it read as Markdown or HTML."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))
