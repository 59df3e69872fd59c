"""A server as a system: ``api:http://host/v1#model``, with options after a ``?``."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from blender import __version__
from blender.errors import BadInput, UnknownName
from blender.records import Dialog
from blender.serving.record import AnswerRecord
from blender.serving.systems.source import digest_of, each_alone
from blender.sources.api import Api

# What an option is called in a spec, and the setting of the source that it is.
OPTIONS = {"key_env": "api_key_env"} | {
    name: name
    for name in (
        "price_in",
        "price_out",
        "max_cost",
        "max_tokens",
        "max_tokens_name",
        "temperature",
        "timeout",
        "retries",
        "parallel",
        "system",
    )
}


@dataclass(frozen=True, kw_only=True)
class Server:
    """Answers with what a chat-completions server says first."""

    source: Api
    talks: bool = True

    @property
    def made_by(self) -> Mapping[str, str]:
        """Fingerprint of what the server is asked; what the server does is its own affair."""
        asked = asdict(self.source)
        for irrelevant in ("api_key_env", "timeout", "retries", "parallel", "price_in", "price_out", "max_cost"):
            del asked[irrelevant]
        return {"response-blender": __version__, "settings": digest_of(asked)}

    def answer(self, dialogs: Sequence[Dialog]) -> list[AnswerRecord]:
        """Ask for one answer to each dialog; one that fails costs the others nothing."""
        return each_alone(self.source, 1, self.source.model, dialogs, dialogs)


def open_server(name: str, spec: str, ids: Collection[str]) -> Server:
    """Read the spec; the server is not asked yet.

    Raises:
        UnknownName: an option is not known.
        BadInput: address, model or an option's value is not right, or the key is not there.
    """
    del name, ids
    url, _, rest = spec.removeprefix("api:").partition("#")
    model, _, query = rest.partition("?")
    problems = []
    parts = urlsplit(url)
    if parts.username or parts.password:
        problems.append("an address must hold no password, since it is written down; use ?key_env=NAME")
    if parts.query:
        problems.append("options come after the model: api:http://host/v1#model?max_tokens=64")
    source = _source(url, model, dict(parse_qsl(query, keep_blank_values=True)), problems)
    if source is not None and source.api_key_env and not os.environ.get(source.api_key_env):
        problems.append(f"the environment variable {source.api_key_env!r} named by key_env holds no key; set it")
    if problems or source is None:
        raise BadInput(problems)
    return Server(source=source)


def _source(url: str, model: str, options: dict[str, str], problems: list[str]) -> Api | None:
    for option in options:
        if option not in OPTIONS:
            raise UnknownName("option of an api system", option, OPTIONS)
    given: dict[str, Any] = {OPTIONS[option]: value for option, value in options.items()}
    try:
        return msgspec.convert({"base_url": url, "model": model, **given}, Api, strict=False)
    except msgspec.ValidationError as fault:
        said = "; ".join(str(fault).splitlines())
        problems.append(f"{said}; as in api:http://localhost:8000/v1#my-model?max_tokens=64&temperature=0.7")
        return None
