"""The editor's answers of last resort, always proposed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from blender.errors import BadInput
from blender.records import Candidate, Dialog
from blender.texts import language_tag

ANSWERS = {
    "en": ("I'm not sure I follow. Could you tell me a little more?", "Sorry, I have no good answer to that."),
    "ru": ("Не уверен, что понял. Расскажите, пожалуйста, чуть подробнее.", "Простите, на это мне нечего ответить."),
}


@dataclass(frozen=True, kw_only=True)
class Canned:
    """Proposes fixed answers in the language of the dialog.

    Attributes:
        answers: by language tag, best first; ``pt-BR`` falls back on ``pt``, whatever is not named on the first.
    """

    answers: dict[str, tuple[str, ...]] = field(default_factory=lambda: dict(ANSWERS))

    def __post_init__(self) -> None:
        if not self.answers or not all(self.answers.values()):
            raise BadInput(f"canned answers must hold at least one answer for every language, got {self.answers!r}")
        empty = [tag for tag, texts in self.answers.items() if not all(text.strip() for text in texts)]
        if empty:
            raise BadInput(f"canned answers of {', '.join(empty)} hold an empty one; leave it out")
        # As the tags of dialogs are read.
        object.__setattr__(self, "answers", {language_tag(tag): texts for tag, texts in self.answers.items()})

    def propose(self, dialogs: Sequence[Dialog], k: int) -> list[list[Candidate]]:
        """Give the first ``k`` answers of each dialog's language."""
        return [
            [
                Candidate(text=text, source="canned", kind="canned", rank=rank)
                for rank, text in enumerate(self._of(dialog)[:k])
            ]
            for dialog in dialogs
        ]

    def _of(self, dialog: Dialog) -> tuple[str, ...]:
        fallback = next(iter(self.answers.values()))
        return self.answers.get(dialog.locale) or self.answers.get(dialog.language) or fallback
