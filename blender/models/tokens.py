"""Texts to token ids, cut to a model's limit: a context loses its oldest words, a reply its last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blender.errors import BadModel
from blender.models.plain_tokenizer import PlainTokenizer, backend
from blender.models.quiet import quiet_transformers

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

# No tokenizer in use makes fewer tokens than one for so many characters of running text; what lies beyond cannot
# survive the cut, so a turn of 100,000 characters is not tokenised whole.
_CHARACTERS_PER_TOKEN = 32


@dataclass(frozen=True, slots=True)
class TokenIds:
    """One input of a model, special tokens included.

    Attributes:
        ids: token ids.
        types: 0 for the first text, 1 for the second; of models that do not tell texts apart always 0.
        own: how many tokens are the last text's; one special token follows them.
    """

    ids: tuple[int, ...]
    types: tuple[int, ...]
    own: int

    def __len__(self) -> int:
        return len(self.ids)


class Tokens:
    """A tokenizer and the limit of its model. Thread-safe: nothing is changed after loading.

    Args:
        tokenizer: its own truncation and padding are switched off.
        limit: tokens the model takes, special tokens included.
        padding: id that fills shorter inputs of a batch.
    """

    def __init__(self, tokenizer: Tokenizer, *, limit: int, padding: int) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        self.limit = limit
        self.padding = padding

    def single(self, texts: Sequence[str], *, prefix: str = "", newest: bool = False) -> list[TokenIds]:
        """Tokenise texts one by one, each after ``prefix``.

        Args:
            texts: empty ones count as one space.
            prefix: what the model wants before every text, such as ``query: ``; never cut.
            newest: keep the end of a text that is too long instead of its beginning.
        """
        room = self.limit - self._tokenizer.num_special_tokens_to_add(False)
        head = self._plain([prefix])[0] if prefix else None
        bodies = self._plain([prefix + self._shorten(text or " ", newest) for text in texts])
        cut = [_fit(body, room, newest, head) for body in bodies]
        return [_ids(self._tokenizer.post_process(body), len(body)) for body in cut]

    def pairs(self, pairs: Sequence[tuple[str, str]]) -> list[TokenIds]:
        """Tokenise (context, reply) pairs; a long reply keeps its beginning, a long context its newest words.

        The reply may take at most three quarters of the room, so that some context is always seen.
        """
        room = self.limit - self._tokenizer.num_special_tokens_to_add(True)
        contexts = self._plain([self._shorten(context or " ", True) for context, _ in pairs])
        replies = self._plain([self._shorten(reply or " ", False) for _, reply in pairs])
        made = []
        for context, reply in zip(contexts, replies, strict=True):
            short = _fit(reply, max(room - len(context), room * 3 // 4), False)
            both = self._tokenizer.post_process(_fit(context, room - len(short), True), short)
            made.append(_ids(both, len(short)))
        return made

    def spans(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Where the tokens of each text stand in it, in characters; special tokens and what is cut off left out."""
        room = self.limit - self._tokenizer.num_special_tokens_to_add(False)
        found = self._plain([self._shorten(text or " ", False) for text in texts])
        return [list(encoding.offsets[:room]) for encoding in found]

    def save(self, file: Path) -> None:
        """Write ``tokenizer.json``."""
        self._tokenizer.save(str(file))

    def _shorten(self, text: str, newest: bool) -> str:
        most = self.limit * _CHARACTERS_PER_TOKEN
        return text[-most:] if newest else text[:most]

    def _plain(self, texts: list[str]) -> list[Encoding]:
        return self._tokenizer.encode_batch(texts, add_special_tokens=False)


def _fit(body: Encoding, room: int, newest: bool, head: Encoding | None = None) -> Encoding:
    """Cut an encoding to ``room`` tokens; from the front only behind ``head``, with which it begins."""
    if len(body) <= room:
        return body
    if not newest:
        body.truncate(room, direction="right")
        return body
    body.truncate(room - (len(head) if head else 0), direction="left")
    return type(body).merge([head, body]) if head else body


def _ids(encoding: Encoding, own: int) -> TokenIds:
    return TokenIds(ids=tuple(encoding.ids), types=tuple(encoding.type_ids), own=own)


def load_tokens(folder: Path, limit: int | None = None, *, file: Path | None = None) -> Tokens:
    """Load the tokenizer of a checkpoint folder.

    Args:
        folder: has ``tokenizer.json``, or whatever transformers can make a fast tokenizer of.
        limit: tokens the model takes; else what the tokenizer says, else 512.
        file: a ``tokenizer.json`` elsewhere, which is then read instead.

    Raises:
        BadModel: there is no tokenizer, or none that can be read.
    """
    path = file or folder / "tokenizer.json"
    try:
        tokenizer: Tokenizer = backend(path) if path.is_file() else load_tokenizer(folder).backend_tokenizer
    except (OSError, ValueError, AttributeError) as fault:
        raise BadModel(f"{path.parent} has no tokenizer that can be read: {fault}; fetch the model anew") from fault
    own = (tokenizer.truncation or {}).get("max_length")
    padding = tokenizer.padding["pad_id"] if tokenizer.padding else _padding(tokenizer)
    return Tokens(tokenizer, limit=limit or own or 512, padding=padding)


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer of a checkpoint folder, with its chat template: our own where it is plain, else transformers'.

    Raises:
        OSError, ValueError: there is none that can be read.
    """
    plain = PlainTokenizer.read(folder)
    if plain is not None:
        return plain
    transformers = import_module("transformers")  # whole: other threads may be importing it too
    with quiet_transformers():
        return transformers.AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)


def _padding(tokenizer: Tokenizer) -> int:
    known = (tokenizer.token_to_id(name) for name in ("[PAD]", "<pad>", "<|endoftext|>"))
    return next((at for at in known if at is not None), 0)
