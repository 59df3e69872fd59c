"""Candidates sampled with knowledge in the prompt, against hallucination."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from blender.catalogue import fingerprint
from blender.errors import BadInput
from blender.models.sample import Sample, SampleRequest
from blender.records import Candidate, Dialog
from blender.sources.sampled import SampledSource, candidates
from blender.written import dialog_as_written

if TYPE_CHECKING:
    from blender.index.base import PhraseBase


@dataclass(frozen=True, kw_only=True)
class Grounded(SampledSource):
    """Samples answers like ``Generator``, with passages put before the dialog (in-context retrieval augmentation).

    The passages are the dialog's own facts, then the nearest documents, then, where there are no facts, the phrases of
    the base that answered the nearest contexts; every candidate carries them as ``evidence``. Where there is none,
    nothing is proposed: what could be said without knowledge is the plain generator's to say.

    Attributes:
        base: phrase base whose best phrases are given, a folder or the name of a packaged one; empty for none.
        documents: phrase base whose phrases are passages of documents, a folder; empty for none.
        passages: how many of each are given.
        facts: how many of the dialog's facts are given, the first ones.
    """

    temperature: float = 0.7
    base: str = ""
    documents: str = ""
    passages: int = 3
    facts: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.passages < 1 or self.facts < 0:
            raise BadInput(
                f"grounded needs passages of 1 or more and facts of 0 or more, got {self.passages} and {self.facts}"
            )

    @cached_property
    def _bases(self) -> tuple[PhraseBase | None, PhraseBase | None]:
        """The documents and the phrase base, where set."""
        from blender.index.opening import open_base

        return (
            open_base(self.documents) if self.documents else None,
            open_base(self.base) if self.base else None,
        )

    @cached_property
    def fingerprint(self) -> str:
        """Of the settings, the model, its prompt form and the bases; another if an answer might be."""
        bases = [base.fingerprint if base else "" for base in self._bases]
        return fingerprint(self, self._model.prompt_fingerprint(self.system), *bases)

    def warm(self) -> None:
        """Load the model and open the bases."""
        self._model.warm()
        for base in self._bases:
            if base is not None:
                _ = base.encoder

    def request(self, dialogs: Sequence[Dialog], k: int) -> SampleRequest:
        """What ``propose`` draws: nothing where nothing is known."""
        known, written = self.knowledge(dialogs), [dialog_as_written(dialog) for dialog in dialogs]
        counts = [k if passages else 0 for passages in known]
        return SampleRequest.of(written, counts, self._sampling, system=self.system, knowledge=known)

    def collected(self, request: SampleRequest, drawn: Sequence[Sequence[Sample]]) -> list[list[Candidate]]:
        """The candidates that samples make, with the passages they were drawn behind."""
        each = zip(drawn, request.knowledge, strict=True)
        return [candidates(samples, "grounded", tuple(known)) for samples, known in each]

    def knowledge(self, dialogs: Sequence[Dialog]) -> list[tuple[str, ...]]:
        """The passages that are put before each dialog, each once."""
        documents, base = self._bases
        facts = [_once(dialog.facts[: self.facts]) for dialog in dialogs]
        passages = documents.search(dialogs, self.passages, on="reply") if documents else [[] for _ in dialogs]
        # What others once answered is no knowledge beside what is true of this dialog: a model told both mixes them up.
        bare = [dialog for dialog, own in zip(dialogs, facts, strict=True) if not own]
        answered = iter(base.search(bare, self.passages, on="context") if base else [])
        phrases = [[] if own else next(answered, []) for own in facts]
        return [
            _once([*own, *(hit.text for hit in [*told, *found])])
            for own, told, found in zip(facts, passages, phrases, strict=True)
        ]


def _once(passages: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(passage.strip() for passage in passages if passage.strip()))
