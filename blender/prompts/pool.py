"""A pool of prompts with their embeddings, in memory and on disk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from blender.errors import BadInput, BadModel
from blender.manifest import replacing, sha256, write_flushed
from blender.matrix import Floats
from blender.models.encoder import Encoder
from blender.models.folders import read_versioned
from blender.prompts.prompt import Prompt

VERSION = 1
_NOTE, _PROMPTS, _VECTORS = "pool.json", "prompts.jsonl", "vectors.npy"


class _Note(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    version: int
    encoder: str
    prompts: int
    sha256: dict[str, str]


@dataclass(frozen=True, kw_only=True, eq=False)
class PromptPool:
    """Prompts and their embeddings by one encoder, before any head.

    Attributes:
        prompts: at least one; equal texts of one task are kept once by ``build``.
        vectors: float32 (number of prompts, dimension), rows of length 1.
        encoder_fingerprint: of the encoder that made them.
    """

    prompts: tuple[Prompt, ...]
    vectors: Floats
    encoder_fingerprint: str

    @classmethod
    def build(cls, prompts: Iterable[Prompt], encoder: Encoder) -> PromptPool:
        """Embed prompts.

        Raises:
            BadInput: there are none.
        """
        kept = tuple({(prompt.task, prompt.text): prompt for prompt in prompts}.values())
        if not kept:
            raise BadInput("the prompt pool is empty; give it at least one demonstration or instruction")
        vectors = encoder.encode([prompt.text for prompt in kept])
        return cls(prompts=kept, vectors=vectors, encoder_fingerprint=encoder.fingerprint)

    def __len__(self) -> int:
        return len(self.prompts)

    @property
    def clusters(self) -> tuple[str, ...]:
        """Names, sorted."""
        return tuple(sorted({prompt.cluster for prompt in self.prompts}))

    def without(self, clusters: Sequence[str]) -> PromptPool:
        """The pool without anything of these clusters.

        Raises:
            BadInput: nothing would be left.
        """
        kept = self.keep([prompt.cluster not in clusters for prompt in self.prompts])
        if not len(kept):
            raise BadInput(
                f"without {', '.join(clusters)} the prompt pool is empty: it holds {', '.join(self.clusters)}; "
                "add prompts of other clusters"
            )
        return kept

    def keep(self, wanted: Sequence[bool]) -> PromptPool:
        """The prompts that are wanted, in order; may be none."""
        kept = [at for at, yes in enumerate(wanted) if yes]
        return PromptPool(
            prompts=tuple(self.prompts[at] for at in kept),
            vectors=self.vectors[kept],
            encoder_fingerprint=self.encoder_fingerprint,
        )

    def check_count(self, k: int) -> None:
        """Refuse a wish for more prompts than there are, or for none.

        Raises:
            BadInput: it is one.
        """
        if not 1 <= k <= len(self):
            raise BadInput(f"{k} prompts are wanted, the pool has {len(self)}; ask for 1 to {len(self)}")

    def check_encoder(self, fingerprint: str) -> None:
        """Refuse another encoder.

        Raises:
            BadModel: it is another; the message names both.
        """
        if fingerprint != self.encoder_fingerprint:
            raise BadModel(
                f"the prompt pool was embedded by the encoder with fingerprint {self.encoder_fingerprint}, this one "
                f"has {fingerprint}; use that encoder, or build the pool again with this one"
            )

    def save(self, folder: str | Path) -> None:
        """Write the pool aside and put it in place; an old one is replaced whole."""
        place = Path(folder).expanduser().absolute()
        if place.exists() and not (place / _NOTE).is_file():
            raise BadInput(f"{place} is there and is no prompt pool; name another folder")
        lines = b"".join(msgspec.json.encode(prompt) + b"\n" for prompt in self.prompts)
        with replacing(place) as aside:
            with (aside / _VECTORS).open("wb") as file:
                np.save(file, np.ascontiguousarray(self.vectors), allow_pickle=False)
            sums = {_PROMPTS: sha256(lines), _VECTORS: sha256((aside / _VECTORS).read_bytes())}
            note = _Note(version=VERSION, encoder=self.encoder_fingerprint, prompts=len(self), sha256=sums)
            write_flushed(aside / _PROMPTS, lines)
            write_flushed(aside / _NOTE, msgspec.json.format(msgspec.json.encode(note), indent=1))

    @classmethod
    def load(cls, folder: str | Path, encoder_fingerprint: str | None = None) -> PromptPool:
        """Read a pool.

        Args:
            folder: as ``save`` wrote it.
            encoder_fingerprint: of the encoder at hand; not compared if not given.

        Raises:
            BadModel: there is none, it is broken or altered, or of another encoder (named).
            BadInput: a prompt in it has no text, task or cluster.
        """
        place = Path(folder).expanduser()
        again = "make the pool again with `blend prompts train`"
        note = read_versioned(place / _NOTE, _Note, VERSION, what="prompt pool", again=again)
        try:
            raw = {name: (place / name).read_bytes() for name in (_PROMPTS, _VECTORS)}
        except OSError as fault:
            raise BadModel(f"{fault.filename} cannot be read ({fault.strerror}); {again}") from None
        altered = [name for name, content in raw.items() if sha256(content) != note.sha256.get(name)]
        if altered:
            raise BadModel(f"the prompt pool at {place}: {' and '.join(altered)} was altered; {again}")
        pool = cls(
            prompts=tuple(_read_prompts(raw[_PROMPTS], place / _PROMPTS)),
            vectors=np.load(place / _VECTORS, allow_pickle=False),
            encoder_fingerprint=note.encoder,
        )
        if encoder_fingerprint is not None:
            pool.check_encoder(encoder_fingerprint)
        return pool


def _read_prompts(raw: bytes, path: Path) -> list[Prompt]:
    found, problems = [], []
    for number, line in enumerate(raw.splitlines(), 1):
        if line.strip():
            try:
                found.append(msgspec.json.decode(line, type=Prompt))
            except (msgspec.MsgspecError, BadInput) as fault:
                problems.append(f"{path}:{number}: {fault}; accepted are objects with text, task and cluster")
    if problems:
        raise BadInput(problems)
    return found
