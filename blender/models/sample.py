"""Sampled answers: what is asked for, and what a sample says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from blender.models.cache import text_digest
from blender.models.demonstrations import NOTHING, Shown
from blender.models.prompt import PromptForm
from blender.models.sampling import Asked, Drawn, Sampling, uniforms
from blender.records import Dialog

SENTENCE_ENDS = (".", "!", "?", "…")


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRequest:
    """Samples of some dialogs.

    Attributes:
        dialogs: any number.
        counts: how many samples of each; equal ones may come.
        settings: see ``Sampling``.
        system: system line of the prompt; by default that of the prompt form.
        knowledge: per dialog, passages put into its prompt.
        shown: per dialog, examples put before it.
    """

    dialogs: Sequence[Dialog]
    counts: Sequence[int]
    settings: Sampling
    system: str | None
    knowledge: Sequence[Sequence[str]]
    shown: Sequence[Shown]

    @classmethod
    def of(
        cls,
        dialogs: Sequence[Dialog],
        counts: Sequence[int],
        settings: Sampling,
        *,
        system: str | None = None,
        knowledge: Sequence[Sequence[str]] | None = None,
        shown: Sequence[Shown] | None = None,
    ) -> SampleRequest:
        """Without knowledge and examples where they are not given."""
        told, before = knowledge or [()] * len(dialogs), shown or [NOTHING] * len(dialogs)
        return cls(dialogs=dialogs, counts=counts, settings=settings, system=system, knowledge=told, shown=before)

    def asked(self, form: PromptForm, room: int) -> list[Asked]:
        """The prompts, and what decides the samples of each; these have no more tokens than there is room for."""
        settings = replace(self.settings, max_new_tokens=min(self.settings.max_new_tokens, room))
        each = zip(self.dialogs, self.counts, self.knowledge, self.shown, strict=True)
        return [
            Asked(
                prompt=form.context(dialog, self.system, told, shown) if count else (),
                chances=uniforms(_digest(dialog), count, settings),
                settings=settings,
            )
            for dialog, count, told, shown in each
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One sampled answer.

    Attributes:
        text: on one line; may be empty.
        logprobs: of its tokens and of the end of the turn after them: natural log, at temperature 1. Empty if the
            text as cleaned would be read as other tokens than those drawn, so that these are not its numbers.
        finished: whether the model ended the turn itself; if the limit on tokens did, the text ends with its last
            whole sentence, if it has one.
        prompt: digest of the model and the tokens that it was drawn behind (`LanguageModel.prompt_digest`).
    """

    text: str
    logprobs: tuple[float, ...]
    finished: bool
    prompt: str

    @classmethod
    def of(cls, kept: Drawn, form: PromptForm, *, finished: bool, prompt: str) -> Sample:
        """The sample that tokens stand for, of a turn that the model ended itself or not."""
        text = form.text(kept.tokens)
        same = form.answer(text) == kept.tokens
        logprobs = (*kept.logprobs, kept.ends[-1]) if same else ()
        return cls(text=text, logprobs=logprobs, finished=finished, prompt=prompt)

    @property
    def whole(self) -> bool:
        """Whether it says something, and is not broken off in the middle of a sentence."""
        return bool(self.text) and (self.finished or self.text.endswith(SENTENCE_ENDS))


def _digest(dialog: Dialog) -> str:
    spoken = (part for turn in dialog.turns for part in (turn.speaker, turn.text))
    return text_digest(dialog.id, dialog.locale, *spoken)


def whole_sentences(drawn: Drawn, form: PromptForm) -> Drawn:
    """The tokens up to the end of the last whole sentence; all of them if there is none or the turn was ended."""
    if not drawn.finished:
        for count in range(len(drawn.tokens), 0, -1):
            if form.text(drawn.tokens[:count]).endswith(SENTENCE_ENDS):
                return drawn.first(count)
    return drawn
