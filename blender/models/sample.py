"""One sampled answer: its text, and the tokens drawn that the text stands for."""

from __future__ import annotations

from dataclasses import dataclass

from blender.models.prompt import PromptForm
from blender.models.sampling import Drawn

SENTENCE_ENDS = (".", "!", "?", "…")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One sampled answer.

    Attributes:
        text: on one line; may be empty.
        logprobs: of its tokens and of the end of the turn after them: natural log, at temperature 1. Empty if the
            text as cleaned would be read as other tokens than those drawn, so that these are not its numbers.
        finished: whether the model ended the turn itself; if the limit on tokens did, the text ends with its last
            whole sentence, if it has one.
    """

    text: str
    logprobs: tuple[float, ...]
    finished: bool

    @classmethod
    def of(cls, kept: Drawn, form: PromptForm, *, finished: bool) -> Sample:
        """The sample that tokens stand for, of a turn that the model ended itself or not."""
        text = form.text(kept.tokens)
        same = form.answer(text) == kept.tokens
        return cls(text=text, logprobs=(*kept.logprobs, kept.ends[-1]) if same else (), finished=finished)

    @property
    def whole(self) -> bool:
        """Whether it says something, and is not broken off in the middle of a sentence."""
        return bool(self.text) and (self.finished or self.text.endswith(SENTENCE_ENDS))


def whole_sentences(drawn: Drawn, form: PromptForm) -> Drawn:
    """The tokens up to the end of the last whole sentence; all of them if there is none or the turn was ended."""
    if not drawn.finished:
        for count in range(len(drawn.tokens), 0, -1):
            if form.text(drawn.tokens[:count]).endswith(SENTENCE_ENDS):
                return drawn.first(count)
    return drawn
