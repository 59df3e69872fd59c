"""Corpora that the proxy never sees, as conversations that ``blender.index.corpus`` reads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from blender.errors import BadInput

_DAILY = ("en_dev_human.txt", "en_test_human.txt", "1k_part_dialogues_text_En.txt")
_TOPICAL = "valid_rare.json"


def write_others(data: Path, folder: Path) -> Mapping[str, Path]:
    """Write one JSON-lines file of conversations a corpus, by its name.

    Args:
        data: laid out as `docs/data.md` says.
        folder: written to.

    Raises:
        BadInput: a corpus is not there.
    """
    corpora = {
        "DailyDialog": _daily_dialog(data / "corpus-xdailydialog"),
        "Topical-Chat": _topical_chat(data / "corpus-topicalchat-rare" / _TOPICAL),
    }
    folder.mkdir(parents=True, exist_ok=True)
    made = {}
    for name, conversations in corpora.items():
        made[name] = folder / f"{name}.jsonl"
        lines = [json.dumps({"turns": turns}, ensure_ascii=False) for turns in conversations if len(turns) > 1]
        made[name].write_text("\n".join(lines) + "\n", encoding="utf-8")
    return made


def _daily_dialog(folder: Path) -> Iterator[list[str]]:
    """Turns end with ``__eou__``; a tab parts them from labels. Its spaces before signs are taken out."""
    for name in _DAILY:
        for line in _read(folder / name).splitlines():
            turns = (joined(turn) for turn in line.partition("\t")[0].split("__eou__"))
            yield [turn for turn in turns if turn]


def _topical_chat(path: Path) -> Iterator[list[str]]:
    for conversation in json.loads(_read(path)).values():
        turns = (" ".join(message["message"].split()) for message in conversation["content"])
        yield [turn for turn in turns if turn]


def joined(text: str) -> str:
    """Text whose signs were parted from its words, written as people write.

    >>> joined("I don ’ t know , really .")
    'I don’t know, really.'
    """
    for sign in (".", ",", "!", "?", ":", ";", "’", "'", ")"):
        text = text.replace(f" {sign}", sign)
    for sign in ("’ ", "' "):
        text = text.replace(sign, sign.strip())
    return " ".join(text.replace("( ", "(").split())


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as fault:
        raise BadInput(f"{path} cannot be read ({fault.strerror}); lay the folder out as docs/data.md says") from None
