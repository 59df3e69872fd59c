"""What a checkpoint folder says of itself in the files that sentence-transformers writes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from blender.errors import BadModel
from blender.models.networks import Pooling

Role = Literal["query", "passage"]


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


def read_layout(folder: Path) -> Layout:
    """Read pooling, limit and prefixes of a checkpoint folder.

    Raises:
        BadModel: it has a part other than transformer, pooling by mean or first token, and normalising.
    """
    known = ("Transformer", "Pooling", "Normalize")
    kinds = [part["type"].rpartition(".")[2] for part in _json(folder / "modules.json", [])]
    strange = [kind for kind in kinds if kind not in known]
    if strange:
        raise BadModel(
            f"{folder} has parts that are not supported: {', '.join(strange)}; supported: {', '.join(known)}"
        )
    modes = [
        name for name, on in _json(folder / "1_Pooling" / "config.json", {}).items() if on is True and "_mode_" in name
    ]
    if modes not in ([], ["pooling_mode_mean_tokens"], ["pooling_mode_cls_token"]):
        raise BadModel(f"{folder} pools by {', '.join(modes)}; supported: the mean, or the first token")
    prompts = _json(folder / "config_sentence_transformers.json", {}).get("prompts") or {}
    return Layout(
        pooling="cls" if modes == ["pooling_mode_cls_token"] else "mean",
        limit=_json(folder / "sentence_bert_config.json", {}).get("max_seq_length"),
        prefixes={
            "query": prompts.get("query") or "",
            "passage": prompts.get("passage") or prompts.get("document") or "",
        },
    )


def _json(path: Path, absent: Any) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return absent
    except (OSError, ValueError) as fault:
        raise BadModel(f"{path} cannot be read as JSON: {fault}") from fault
