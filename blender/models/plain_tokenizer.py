"""The tokenizer of a checkpoint that needs no class of its own, with its chat template: read without transformers.

Importing transformers takes a second, and a language model's tokenizer is all that an answer needs of it. Names are
those of transformers' tokenizers, so that either can be asked.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

if TYPE_CHECKING:
    from jinja2.sandbox import ImmutableSandboxedEnvironment
    from tokenizers import Tokenizer

CLASSES = frozenset({"PreTrainedTokenizerFast", "TokenizersBackend"})
_NAMED = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
_OF_NO_MATTER = frozenset({"backend", "is_local", "local_files_only", "model_max_length", "tokenizer_class"})


class PlainTokenizer:
    """What a prompt asks of a tokenizer; the attributes and methods are those of ``transformers``.

    Args:
        backend_tokenizer: does the work.
        named: special tokens by name, such as ``bos_token``.
        chat_template: Jinja; run in a sandbox, since it comes with a model. ``None`` for base models.

    Raises:
        TemplateSyntaxError: the template is not plain Jinja.
    """

    def __init__(self, backend_tokenizer: Tokenizer, named: Mapping[str, str], chat_template: str | None) -> None:
        self.backend_tokenizer = backend_tokenizer
        self.chat_template = chat_template
        self._named = dict(named)
        self._template = _jinja().from_string(chat_template) if chat_template else None

    @classmethod
    def read(cls, folder: Path) -> PlainTokenizer | None:
        """The tokenizer of a folder; ``None`` if anything there is not known here, or nothing is."""
        from jinja2 import TemplateSyntaxError

        try:
            settings = msgspec.json.decode((folder / "tokenizer_config.json").read_bytes(), type=dict[str, Any])
            named = {name: settings.pop(name) for name in _NAMED if name in settings}
            template = _template(folder, settings.pop("chat_template", None))
            known = settings.get("tokenizer_class") in CLASSES and settings.keys() <= _OF_NO_MATTER
            plain = known and all(isinstance(token, str) for token in named.values())
            return cls(backend(folder / "tokenizer.json"), named, template) if plain else None
        except (OSError, ValueError, TemplateSyntaxError):
            return None

    @property
    def bos_token(self) -> str | None:
        """Opens a text, or, with some chat models, each turn."""
        return self._named.get("bos_token")

    @property
    def bos_token_id(self) -> int | None:
        """Of ``bos_token``."""
        return self._id(self.bos_token)

    @property
    def eos_token_id(self) -> int | None:
        """Of the token that ends a text."""
        return self._id(self._named.get("eos_token"))

    @cached_property
    def all_special_tokens(self) -> list[str]:
        """Those that have a name."""
        return list(dict.fromkeys(self._named.values()))

    @cached_property
    def all_special_ids(self) -> list[int]:
        """Of ``all_special_tokens``."""
        return [at for token in self.all_special_tokens if (at := self._id(token)) is not None]

    @cached_property
    def added_tokens_decoder(self) -> dict[int, Any]:
        """Tokens that are found in a text before it is cut, by number."""
        return dict(self.backend_tokenizer.get_added_tokens_decoder())

    def get_vocab(self) -> dict[str, int]:
        """Number by token, of all."""
        return self.backend_tokenizer.get_vocab(with_added_tokens=True)

    def encode(self, text: str, *, add_special_tokens: bool = True) -> list[int]:
        """Numbers of a text's tokens."""
        return list(self.backend_tokenizer.encode(text, add_special_tokens=add_special_tokens).ids)

    def decode(self, tokens: Iterable[int], *, skip_special_tokens: bool = False) -> str:
        """The text of tokens by number."""
        return self.backend_tokenizer.decode(list(tokens), skip_special_tokens=skip_special_tokens)

    def apply_chat_template(
        self, messages: Sequence[Mapping[str, str]], *, tokenize: bool = False, add_generation_prompt: bool = False
    ) -> str:
        """Messages, each with ``role`` and ``content``, as the template puts them.

        Raises:
            TemplateError: there is no template, it refuses these messages, or it does what the sandbox forbids.
            ValueError: ``tokenize``, which this one does not.
        """
        if tokenize:
            raise ValueError("the template gives text; encode it afterwards")
        if self._template is None:
            _refuse("the tokenizer has no chat template")
        return self._template.render(messages=messages, add_generation_prompt=add_generation_prompt, **self._named)

    def _id(self, token: str | None) -> int | None:
        return None if token is None else self.backend_tokenizer.token_to_id(token)


def backend(file: Path) -> Tokenizer:
    """Read a ``tokenizer.json``; raises ``ValueError`` if it is none."""
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_file(str(file))
    except Exception as fault:  # no narrower one is raised for a file that is missing or no tokenizer
        raise ValueError(f"{file} is no tokenizer: {fault}") from None


def _template(folder: Path, configured: str | None) -> str | None:
    file = folder / "chat_template.jinja"
    return file.read_text(encoding="utf-8") if file.is_file() else configured


def _jinja() -> ImmutableSandboxedEnvironment:
    """Jinja as chat templates are written for: the switches and helpers that transformers documents."""
    from jinja2.ext import loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    made = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    made.filters["tojson"] = _to_json
    made.globals |= {"raise_exception": _refuse, "strftime_now": lambda form: datetime.now().strftime(form)}
    return made


def _to_json(value: object, ensure_ascii: bool = False, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent)  # Jinja's own escapes what HTML would read


def _refuse(reason: str) -> NoReturn:
    from jinja2 import TemplateError

    raise TemplateError(reason)
