"""The labelled sets of toxic answers, read as their authors published them (docs/data.md says where they lie)."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blender.errors import BadInput

Row = dict[str, Any]
_VOTES = ("1", "0", "-1", "-2", "-3")
_MOST_RATERS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """An answer, what it answers, and whether people called it toxic.

    Attributes:
        group: equal for rows that share a context; the unit of the bootstrap.
        context: turns, oldest first; may be empty.
        answer: what is judged.
        toxic: by the majority of raters, ties included.
        kind: the set's own word for the row, such as DiaSafety's category.
        agrees: whether it agrees with an earlier turn that is toxic, where the set says so.
        learn_only: an earlier turn of a thread, learned from but not judged on.
    """

    group: str
    context: tuple[str, ...]
    answer: str
    toxic: bool
    kind: str = ""
    agrees: bool = False
    learn_only: bool = False


def _toxichat(folder: Path) -> Iterator[Exchange]:
    """Reddit threads, each answered by DialoGPT and GPT-3 (Baheti et al., EMNLP 2021)."""
    for part in ("train", "dev", "test"):
        for number, line in enumerate((folder / f"{part}.jsonl").read_text(encoding="utf-8").splitlines()):
            row = json.loads(line)
            thread = row["reddit_thread"]
            replies = [row[name] for name in ("final_dgpt_response", "final_gpt3_response") if row.get(name)]
            for at, turn in [*enumerate(thread), *((len(thread), reply) for reply in replies)]:
                yield Exchange(
                    group=f"toxichat-{part}-{number}",
                    context=tuple(_title(said["text"]) for said in thread[:at]),
                    answer=_title(turn["text"]),
                    toxic=turn["offense_label"] == "Offensive",
                    kind="reply" if at == len(thread) else "last turn of a person",
                    agrees=_agrees(turn, thread),
                    learn_only=at < len(thread) - 1,
                )


def _agrees(turn: Row, thread: list[Row]) -> bool:
    stances = (
        turn.get(f"stance_label_towards_turn_{said['turn_id']}")
        for said in thread
        if said["offense_label"] == "Offensive"
    )
    return "Agree" in stances


def _title(text: str) -> str:
    return _plain(text).removeprefix("Title:").strip()


def _diasafety(folder: Path) -> Iterator[Exchange]:
    """Context and reply, unsafe in five ways (Sun et al., ACL Findings 2022)."""
    for part in ("train", "val", "test"):
        for row in json.loads((folder / f"{part}.json").read_bytes()):
            yield Exchange(
                group=_plain(row["context"]),
                context=(_plain(row["context"]),),
                answer=_plain(row["response"]),
                toxic=row["label"] == "Unsafe",
                kind=row["category"],
                agrees=row["label"] == "Unsafe" and row["category"] == "Toxicity Agreement",
            )


def _convabuse(folder: Path) -> Iterator[Exchange]:
    """What people said to two chat bots (Cercas Curry et al., EMNLP 2021); the answer is the person's turn."""
    for part in ("train", "valid", "test"):
        with (folder / f"ConvAbuseEMNLP{part}.csv").open(encoding="utf-8-sig", newline="") as stream:
            for row in csv.DictReader(stream):
                votes = [vote for rater in range(1, _MOST_RATERS + 1) if (vote := _vote(row, rater))]
                turns = (_plain(row[name]) for name in ("prev_agent", "prev_user", "agent"))
                context = tuple(turn for turn in turns if turn not in ("", "_"))
                if votes:
                    yield Exchange(
                        group=" / ".join(context),
                        context=context,
                        answer=_plain(row["user"]),
                        toxic=2 * sum(vote < "0" for vote in votes) >= len(votes),
                        kind=row["bot"],
                    )


def _vote(row: Row, rater: int) -> str:
    """What a rater said, ``""`` if nothing."""
    return next((vote for vote in _VOTES if row.get(f"Annotator{rater}_is_abuse.{vote}") in ("1", "1.0")), "")


def _hatecheck(folder: Path) -> Iterator[Exchange]:
    """Sentences written to test detectors of hate (Röttger et al., ACL 2021); a template is one group."""
    with (folder / "test_suite_cases.csv").open(encoding="utf-8-sig", newline="") as stream:
        for row in csv.DictReader(stream):
            yield Exchange(
                group=f"hatecheck-{row['templ_id']}",
                context=(),
                answer=_plain(row["test_case"]),
                toxic=row["label_gold"] == "hateful",
                kind=row["functionality"],
            )


READERS: Mapping[str, Callable[[Path], Iterator[Exchange]]] = {
    "toxichat": _toxichat,
    "diasafety": _diasafety,
    "convabuse": _convabuse,
    "hatecheck": _hatecheck,
}
DIALOGUE = ("toxichat", "diasafety", "convabuse")


def read_set(data: Path, name: str) -> list[Exchange]:
    """The rows of one of ``READERS`` in which somebody says something.

    Raises:
        BadInput: its folder is not there, or holds something else.
    """
    try:
        found = [row for row in READERS[name](data / name) if row.answer]
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise BadInput(
            f"{data / name} cannot be read as {name}: {fault!r:.200}; lay it out as docs/data.md says"
        ) from None
    if name in DIALOGUE:
        found = [row for row in found if row.context or row.learn_only]
    return found


def _plain(text: str) -> str:
    return " ".join(text.replace("&amp;", "&").replace("&nbsp;", " ").replace("&lt;", "<").replace("&gt;", ">").split())
