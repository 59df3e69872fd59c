"""How a dialog is put before a language model: its own chat template, or a plain script for base models."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import groupby
from typing import Any

from blender.models.cache import text_digest
from blender.models.demonstrations import NOTHING, Shown
from blender.models.marks import defused, template_marks
from blender.pooling import tidy
from blender.records import Dialog, Speaker

CONTEXT_TOKENS = 512
"""Longest prompt, in tokens; beyond it the oldest words are dropped."""
ANSWER_TOKENS = 256
"""Of a longer answer only this many first tokens are judged, and its end is not."""

CHAT_SYSTEM = "You are a friendly person chatting with a friend. Answer with one short sentence."
"""System line of chat models when the settings give none; scripts then have none either."""

_TITLES = {"en": "Use what you know:", "ru": "Известно:"}
_ASKED = "Facts: {known}\nQuestion: {question}\nAnswer in the first person, using the facts."
"""A question in a dialog with facts of its own. A small model minds them here; above the dialog it forgets them
(docs/facts.md)."""
_VERSION = 1
_LETTERS = 6  # generous mean length of a token in characters: what the first cut of a long dialog goes by


@dataclass(frozen=True)
class ChatForm:
    """Prompts by the chat template that came with the tokenizer."""

    tokenizer: Any
    marks: tuple[str, ...]
    limit: int = CONTEXT_TOKENS

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """Token that precedes a text which answers nothing; not the one that opens each turn, as some call theirs."""
        bos = self.tokenizer.bos_token
        opens_turns = bos and self._render([_user("a"), _bot("b"), _user("c")]).count(bos) > 1
        if bos and not opens_turns:
            return (self.tokenizer.bos_token_id,)
        plain = self.tokenizer.get_vocab().get("<|endoftext|>", self.tokenizer.eos_token_id)
        return (plain,)

    @cached_property
    def ends(self) -> tuple[int, ...]:
        """Tokens any of which ends an answer: what the template puts after one, and the end of sequence."""
        closed = self._render([_user("a"), _bot("b")], answer_next=False).rpartition("b")[2]
        special = set(self.tokenizer.all_special_ids) | set(self.tokenizer.added_tokens_decoder)
        after = [token for token in _encode(self.tokenizer, closed) if token in special][:1]
        return tuple(dict.fromkeys([*after, self.tokenizer.eos_token_id]))

    @cached_property
    def _anchor(self) -> str:
        return "\n" if self._render([_user("a")]).endswith("\n") else ""

    @cached_property
    def _marks(self) -> tuple[str, ...]:
        """The special tokens, and what the template itself puts around turns."""
        texts = "opening0line", "first1turn", "second2turn", "third3turn"
        messages = [*_messages(texts[0], [("human", texts[1]), ("bot", texts[2]), ("human", texts[3])])]
        around = re.split("|".join(texts), self._render(messages))
        return (*self.marks, *template_marks(around, self.marks))

    def context(
        self, dialog: Dialog, system: str | None = None, knowledge: Sequence[str] = (), shown: Shown = NOTHING
    ) -> list[int]:
        """Token ids of system line, knowledge, examples and turns, ending where the answer begins."""
        if _asks_of_facts(dialog, knowledge):
            dialog, knowledge = _asked(dialog, _head(self.tokenizer, " ".join(knowledge), self.limit)), ()
        lines = [CHAT_SYSTEM if system is None else system, *_told(knowledge, dialog.locale)]
        shown = _with_room(self.tokenizer, "\n".join(lines), shown, self.limit)
        lines += shown.told(dialog.locale)
        opening = _head(self.tokenizer, defused(self._marks, "\n".join(line for line in lines if line)), self.limit)
        earlier = [message for talk in shown.talks() for message in _messages("", self._safe(talk))]

        def tokens(part: Dialog) -> list[int]:
            spoken = self._safe([(turn.speaker, turn.text) for turn in part.turns])
            system = list(_messages(opening, []))
            return _encode(self.tokenizer, self._render([*system, *earlier, *_messages("", spoken)]))

        return _fitting(dialog, tokens, self.limit)

    def answer(self, text: str) -> list[int]:
        """Token ids of ``text`` as they follow the opening of the bot's turn."""
        return _continuation(self.tokenizer, self._anchor, defused(self._marks, text.strip()))

    def text(self, tokens: Sequence[int]) -> str:
        """Sampled tokens as the text that would be sent, on one line."""
        return tidy(self.tokenizer.decode(list(tokens), skip_special_tokens=True))

    def fingerprint(self, system: str | None = None, knowledge: Sequence[str] = (), shown: Shown = NOTHING) -> str:
        """Sixteen hex digits of template, system line, knowledge, examples and limits."""
        line = CHAT_SYSTEM if system is None else system
        limits = f"chat {_VERSION} {self.limit}"
        return text_digest(limits, self.tokenizer.chat_template, line, *_told_to_all(knowledge), *shown.words)

    def _safe(self, spoken: Sequence[tuple[Speaker, str]]) -> list[tuple[Speaker, str]]:
        return [(speaker, defused(self._marks, text)) for speaker, text in spoken]

    def _render(self, messages: list[dict[str, str]], *, answer_next: bool = True) -> str:
        from jinja2.exceptions import TemplateError

        try:
            return self._apply(messages, answer_next)
        except TemplateError:  # templates without a system role, or that want the human to open
            return self._apply(_plainer(messages), answer_next)

    def _apply(self, messages: list[dict[str, str]], answer_next: bool) -> str:
        return str(self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=answer_next))


@dataclass(frozen=True)
class ScriptForm:
    """Prompts as the script of a conversation, one line a turn, for models that were never taught to chat."""

    tokenizer: Any
    marks: tuple[str, ...]
    limit: int = CONTEXT_TOKENS

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """Token that precedes a text which answers nothing: the start of text."""
        first = self.tokenizer.bos_token_id
        return (self.tokenizer.eos_token_id if first is None else first,)

    @cached_property
    def ends(self) -> tuple[int, ...]:
        """Tokens any of which ends an answer: all that begin a new line, and the end of sequence."""
        vocabulary = self.tokenizer.get_vocab()
        likely = [token for piece, token in vocabulary.items() if piece.startswith(("\n", "Ċ", "<0x0A>"))]
        lines = [token for token in likely if self.tokenizer.decode([token]).startswith("\n")]
        return tuple(sorted({*lines, self.tokenizer.eos_token_id}))

    def context(
        self, dialog: Dialog, system: str | None = None, knowledge: Sequence[str] = (), shown: Shown = NOTHING
    ) -> list[int]:
        """Token ids of start, system line, knowledge and scripts, ending after the mark of the bot's line."""
        human, bot = ("A:", "B:") if dialog.locale.startswith("en") else ("-", "-")
        marks: dict[Speaker, str] = {"human": human, "bot": bot}
        lines = [line for line in (system, *_told(knowledge, dialog.locale)) if line]
        opening = _head(self.tokenizer, "\n".join(lines), self.limit) + "\n\n" if lines else ""
        opening += _with_room(self.tokenizer, opening, shown, self.limit).scripts(marks)

        def tokens(part: Dialog) -> list[int]:
            turns = "".join(f"{marks[turn.speaker]} {' '.join(turn.text.split())}\n" for turn in part.turns)
            return [*self.starts, *_encode(self.tokenizer, defused(self.marks, f"{opening}{turns}{bot}"))]

        return _fitting(dialog, tokens, self.limit)

    def answer(self, text: str) -> list[int]:
        """Token ids of ``text`` on one line, as they follow the mark of a line."""
        line = " ".join(text.split())
        return _continuation(self.tokenizer, ":", defused(self.marks, f" {line}")) if line else []

    def text(self, tokens: Sequence[int]) -> str:
        """Sampled tokens as text, up to the first new line."""
        line = self.tokenizer.decode(list(tokens), skip_special_tokens=True).strip().partition("\n")[0]
        return tidy(line)

    def fingerprint(self, system: str | None = None, knowledge: Sequence[str] = (), shown: Shown = NOTHING) -> str:
        """Sixteen hex digits of form, system line, knowledge, examples and limits."""
        return text_digest(f"script {_VERSION} {self.limit}", system or "", *_told_to_all(knowledge), *shown.words)


PromptForm = ChatForm | ScriptForm


def prompt_form(tokenizer: Any, window: int | None = None) -> PromptForm:
    """Return the form for a tokenizer: its chat template if it has one, else a plain script.

    Args:
        tokenizer: of transformers, or like it.
        window: tokens the model can see at once; prompts leave room for an answer, in a small window half of it.
    """
    added = {str(mark) for mark in tokenizer.added_tokens_decoder.values() if mark.special}
    marks = tuple(sorted(added | set(tokenizer.all_special_tokens)))
    limit = CONTEXT_TOKENS if window is None else min(CONTEXT_TOKENS, window - min(ANSWER_TOKENS, window // 2))
    return (ChatForm if tokenizer.chat_template else ScriptForm)(tokenizer, marks, limit)


def _user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def _bot(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def _messages(opening: str, spoken: Sequence[tuple[Speaker, str]]) -> Iterator[dict[str, str]]:
    """Messages of a chat; turns of one speaker in a row become one, as templates expect speakers to alternate."""
    if opening:
        yield {"role": "system", "content": opening}
    for speaker, turns in groupby(spoken, key=lambda turn: turn[0]):
        yield (_user if speaker == "human" else _bot)("\n".join(text for _, text in turns))


def _plainer(messages: list[dict[str, str]]) -> list[dict[str, str]]:
    """The same without a system role (its text opens the human's first message), opened by the human, in turn."""
    opening = "\n".join(message["content"] for message in messages if message["role"] == "system")
    rest = [message for message in messages if message["role"] != "system"]
    while rest and rest[0]["role"] != "user":
        rest = rest[1:]
    if opening and rest:
        rest = [_user(f"{opening}\n\n{rest[0]['content']}"), *rest[1:]]
    turns = groupby(rest, key=lambda message: message["role"])
    return [{"role": role, "content": "\n".join(message["content"] for message in told)} for role, told in turns]


def _told(knowledge: Sequence[str], locale: str) -> list[str]:
    """Lines that put passages before the model."""
    if not knowledge:
        return []
    titles = [title for language, title in _TITLES.items() if locale.startswith(language)]
    return [*titles, *(f"* {' '.join(passage.split())}" for passage in knowledge)]


def _told_to_all(knowledge: Sequence[str]) -> list[str]:
    """What a fingerprint must know of the knowledge: the passages, and the words around them in every language."""
    return [*knowledge, *_TITLES.values(), _ASKED] if knowledge else []


def _asks_of_facts(dialog: Dialog, knowledge: Sequence[str]) -> bool:
    """Whether the last turn is a question, in English, and facts of the dialog, which may answer it, are known."""
    facts = {fact.strip() for fact in dialog.facts} - {""}
    asks = dialog.locale.startswith("en") and dialog.turns[-1].text.rstrip().endswith("?")
    return asks and any(passage.strip() in facts for passage in knowledge)


def _asked(dialog: Dialog, known: str) -> Dialog:
    *earlier, last = dialog.turns
    question = _ASKED.format(known=" ".join(known.split()), question=last.text.strip())
    return replace(dialog, turns=(*earlier, replace(last, text=question)))


def _encode(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer.encode(text, add_special_tokens=False))


def _continuation(tokenizer: Any, anchor: str, text: str) -> list[int]:
    """Tokens of ``text`` as it stands after ``anchor``: some tokenizers treat the head of a text differently."""
    before, whole = _encode(tokenizer, anchor), _encode(tokenizer, anchor + text)
    return whole[len(before) :] if whole[: len(before)] == before else _encode(tokenizer, text)


def _head(tokenizer: Any, opening: str, limit: int) -> str:
    """As much of system line and knowledge as leaves half of the prompt to the turns."""
    tokens = _encode(tokenizer, opening)
    half = limit // 2
    return opening if len(tokens) <= half else str(tokenizer.decode(tokens[:half]))


def _with_room(tokenizer: Any, opening: str, shown: Shown, limit: int) -> Shown:
    """The examples that fit beside the opening into the half of the prompt that is not the turns'."""
    if not shown.examples:
        return shown
    count = partial(_count, tokenizer)
    return shown.fitting(count, limit // 2 - count(opening))


def _count(tokenizer: Any, text: str) -> int:
    return len(_encode(tokenizer, text))


def _fitting(dialog: Dialog, tokens: Callable[[Dialog], list[int]], limit: int) -> list[int]:
    """Tokens of as many of the newest words as fit."""
    part = dialog.cut(limit * _LETTERS)
    found = tokens(part)
    while len(found) > limit:
        letters = sum(len(turn.text) for turn in part.turns)
        if letters <= 1:  # a template with more words of its own than fit
            return found[-limit:]
        part = part.cut(max(1, int(letters * min(0.9, limit / len(found)))))
        found = tokens(part)
    return found
