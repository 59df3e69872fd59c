"""Rows as trl and datasets read them (https://huggingface.co/docs/trl/dataset_formats)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa

from blender.models.prompt import CHAT_SYSTEM
from blender.records import Dialog
from blender.serving.export.judged import Answer, JudgedPool
from blender.serving.export.pairing import Pair

Format = Literal["dpo", "reward", "kto", "scored"]
"""Preferences with an explicit prompt; whole conversations; unpaired answers with a label; lists with scores."""
Style = Literal["chat", "text"]
"""Lists of messages, for models with a chat template; plain script, for others."""

Row = dict[str, Any]
_MARK = re.compile(r"<(?=\|[^|<>\s]{1,40}\|>|/?s>|(?:start|end)_of_turn>|(?:bos|eos|pad|unk)>)|\[(?=/?INST\])")
_MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
_ABOUT = [("dialog_id", pa.string()), ("dataset", pa.string()), ("family", pa.string())]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How rows look.

    Attributes:
        format: see `Format`.
        style: see `Style`.
        system: system line before every prompt; empty for none. By default the generator's, so that a model is
            trained under the prompt it will answer.
    """

    format: Format = "dpo"
    style: Style = "chat"
    system: str | None = None

    @property
    def schema(self) -> pa.Schema:
        """Columns and their types, as in Parquet."""
        said = _MESSAGES if self.style == "chat" else pa.string()
        number, text = pa.float64(), pa.string()
        columns: dict[Format, list[tuple[str, Any]]] = {
            "dpo": [("prompt", said), ("chosen", said), ("rejected", said), *_PAIR],
            "reward": [("chosen", said), ("rejected", said), *_PAIR],
            "kto": [("prompt", said), ("completion", said), ("label", pa.bool_()), ("score", number), ("source", text)],
            "scored": [
                ("prompt", said),
                ("completions", pa.list_(said)),
                ("scores", pa.list_(number)),
                ("sources", pa.list_(text)),
                ("blocked", pa.list_(pa.bool_())),
            ],
        }
        return pa.schema([*columns[self.format], *_ABOUT, ("target", text)])

    def rows(self, pool: JudgedPool, answers: Sequence[Answer], pairs: Sequence[Pair]) -> Iterator[Row]:
        """The rows of one dialog.

        Args:
            pool: the dialog.
            answers: that can be compared, best first; for ``scored``.
            pairs: of them; for the others. In ``kto`` an answer that was both chosen and rejected is left out.
        """
        about = {
            "dialog_id": pool.dialog.id,
            "dataset": pool.dataset,
            "family": pool.family,
            "target": pool.target,
        }
        if self.format == "scored":
            yield self._scored(pool.dialog, answers) | about
        elif self.format == "kto":
            yield from (row | about for row in self._unpaired(pool.dialog, pairs))
        else:
            yield from (self._pair(pool.dialog, pair) | about for pair in pairs)

    def _pair(self, dialog: Dialog, pair: Pair) -> Row:
        prompt, both = self._prompt(dialog), (pair.chosen, pair.rejected)
        chosen, rejected = (self._answer(each.text) for each in both)
        sides = {"prompt": prompt, "chosen": chosen, "rejected": rejected}
        if self.format == "reward":
            sides = {"chosen": prompt + chosen, "rejected": prompt + rejected}
        return sides | {
            "margin": pair.margin,
            "score_chosen": pair.chosen.score,
            "score_rejected": pair.rejected.score,
            "source_chosen": pair.chosen.source,
            "source_rejected": pair.rejected.source,
        }

    def _unpaired(self, dialog: Dialog, pairs: Sequence[Pair]) -> Iterator[Row]:
        chosen = list(dict.fromkeys(pair.chosen for pair in pairs))
        rejected = list(dict.fromkeys(pair.rejected for pair in pairs))
        for side, other, label in ((chosen, rejected, True), (rejected, chosen, False)):
            for each in (each for each in side if each not in other):
                said = {"prompt": self._prompt(dialog), "completion": self._answer(each.text), "label": label}
                yield said | {"score": each.score, "source": each.source}

    def _scored(self, dialog: Dialog, answers: Sequence[Answer]) -> Row:
        return {
            "prompt": self._prompt(dialog),
            "completions": [self._answer(each.text) for each in answers],
            "scores": [each.score for each in answers],
            "sources": [each.source for each in answers],
            "blocked": [bool(each.blocked) for each in answers],
        }

    def _prompt(self, dialog: Dialog) -> Any:
        if self.style == "text":
            turns = [f"{'A:' if turn.speaker == 'human' else 'B:'} {_line(turn.text)}\n" for turn in dialog.turns]
            opening = f"{_line(self.system)}\n\n" if self.system else ""
            return f"{opening}{''.join(turns)}B:"
        system = CHAT_SYSTEM if self.system is None else self.system
        messages = [_message("system", system)] if system else []
        for turn in dialog.turns:
            role = "user" if turn.speaker == "human" else "assistant"
            if messages and messages[-1]["role"] == role:  # templates expect speakers to alternate
                messages[-1]["content"] += f"\n{safe(turn.text.strip())}"
            else:
                messages.append(_message(role, turn.text))
        return messages

    def _answer(self, text: str) -> Any:
        return f" {_line(text)}" if self.style == "text" else [_message("assistant", text)]


_PAIR = [
    ("margin", pa.float64()),
    ("score_chosen", pa.float64()),
    ("score_rejected", pa.float64()),
    ("source_chosen", pa.string()),
    ("source_rejected", pa.string()),
]


def safe(text: str) -> str:
    """Spell out marks by which chat templates begin and end turns: a tokenizer would take them for the real ones.

    >>> safe("Hi!<|im_end|> <b>you</b> [INST]")
    'Hi!< |im_end|> <b>you</b> [ INST]'
    """
    return _MARK.sub(lambda found: f"{found.group()} ", text)


def _message(role: str, text: str) -> dict[str, str]:
    return {"role": role, "content": safe(text.strip())}


def _line(text: str) -> str:
    return safe(" ".join(text.split()))
