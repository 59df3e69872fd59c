"""What a checkpoint folder says of itself in the files that sentence-transformers writes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from blender.errors import BadModel
from blender.models.networks import Pooling

Role = Literal["query", "passage"]
_PARTS = ("Transformer", "Pooling", "Normalize")
_POOLINGS: dict[str, Pooling] = {  # as version 5.4 names them, and as those before it
    "mean": "mean",
    "cls": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "cls",
}
_ABSURD = 1e9  # tokens
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What a sentence-transformers folder says of itself.

    Attributes:
        pooling: how token vectors become one.
        limit: tokens it takes; ``None`` if not said.
        prefixes: what comes before a text of each role.
    """

    pooling: Pooling = "mean"
    limit: int | None = None
    prefixes: dict[Role, str] = field(default_factory=lambda: {"query": "", "passage": ""})


class _Part(msgspec.Struct):
    type: str


class _Prompts(msgspec.Struct):
    prompts: dict[str, str | None] | None = None


class _Limit(msgspec.Struct):
    max_seq_length: int | None = None


class _TokenizerLimit(msgspec.Struct):
    model_max_length: float | None = None


def read_layout(folder: Path) -> Layout:
    """Read pooling, limit and prefixes of a checkpoint folder.

    Raises:
        BadModel: it has a part other than transformer, pooling by mean or first token, and normalising; or a file of it
            is broken.
    """
    kinds = [part.type.rpartition(".")[2] for part in _read(folder / "modules.json", list[_Part], [])]
    strange = [kind for kind in kinds if kind not in _PARTS]
    if strange:
        raise BadModel(
            f"{folder} has parts that are not supported: {', '.join(strange)}; supported: {', '.join(_PARTS)}"
        )
    prompts = _read(folder / "config_sentence_transformers.json", _Prompts, _Prompts()).prompts or {}
    return Layout(
        pooling=_pooling(folder),
        limit=_limit(folder),
        prefixes={
            "query": prompts.get("query") or "",
            "passage": prompts.get("passage") or prompts.get("document") or "",
        },
    )


def _pooling(folder: Path) -> Pooling:
    said = _read(folder / "1_Pooling" / "config.json", dict[str, Any], {})
    named = said.get("pooling_mode") or [name for name, on in said.items() if on is True and "_mode_" in name]
    modes = [named] if isinstance(named, str) else list(named)
    if not modes:
        return "mean"
    if len(modes) > 1 or modes[0] not in _POOLINGS:
        raise BadModel(f"{folder} pools by {', '.join(map(str, modes))}; supported: the mean, or the first token")
    return _POOLINGS[modes[0]]


def _limit(folder: Path) -> int | None:
    """Since version 5.4 the limit stands with the tokenizer, which names an absurd one where there is none."""
    own = _read(folder / "sentence_bert_config.json", _Limit, _Limit()).max_seq_length
    found = own or _read(folder / "tokenizer_config.json", _TokenizerLimit, _TokenizerLimit()).model_max_length
    return int(found) if found and found < _ABSURD else None


def _read(path: Path, kind: type[_T], absent: _T) -> _T:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return absent
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise BadModel(f"{path} cannot be read: {fault}; fetch the model anew") from fault
