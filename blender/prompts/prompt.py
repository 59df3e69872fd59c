"""A prompt: text of some task that is put before an input to show a language model what is wanted."""

from __future__ import annotations

from typing import Literal

import msgspec

from blender.errors import BadInput

Kind = Literal["demonstration", "instruction"]
BETWEEN = "\n\n"
"""Between a prompt and what follows it."""


class Prompt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A demonstration (an input with its answer) or an instruction.

    Attributes:
        text: as the language model reads it.
        task: name of the data set or the purpose it is from.
        cluster: kind of task; what is left out together when unseen tasks are tested.
        kind: of prompt.
        row: the bare input of the row a demonstration was made of; empty for an instruction.
        locale: language tag.

    Raises:
        BadInput: no text, task or cluster.
    """

    text: str
    task: str
    cluster: str
    kind: Kind = "demonstration"
    row: str = ""
    locale: str = "en"

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise BadInput(f"a prompt of task {self.task!r} is empty; leave it out")
        for name in ("task", "cluster"):
            if not getattr(self, name).strip():
                raise BadInput(
                    f"prompt {self.text!r:.60} has no {name}; every prompt must say its task and its cluster, "
                    "or it cannot be known what to leave out when unseen tasks are tested"
                )
