"""How rows of task sets become text for a language model."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import msgspec

from blender.errors import BadInput

NAME = "templates.toml"
ANSWER = "\nAnswer:"
_FIELD = re.compile(r"\{(\w+)\}")


class Template(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Wordings of one set.

    Attributes:
        templates: with ``{input}``, ``{options}`` and the row's fields in braces; a row always gets the same one.
        instruction: what is to be done, without any row; empty for none.
    """

    templates: tuple[str, ...] = ("{input}",)
    instruction: str = ""

    def __post_init__(self) -> None:
        if not self.templates or not all(text.strip() for text in self.templates):
            raise BadInput("a set needs at least one template, and none may be empty")


@dataclass(frozen=True, slots=True)
class Templates:
    """Wordings by name of set; a set without any is put as its input and, below it, its options."""

    known: Mapping[str, Template]

    def of(self, task: str, has_options: bool) -> Template:
        """Wording of a set."""
        plain = Template(templates=("{input}\n{options}",) if has_options else ("{input}",))
        return self.known.get(task, plain)


def read_templates(folder: Path | None = None) -> Templates:
    """Those that come with the program, and over them those in ``templates.toml`` of a folder of tasks.

    Raises:
        BadInput: the file is no TOML, or an entry of it is no template.
    """
    own = folder / NAME if folder else None
    return Templates(
        {**_packaged(), **(_parsed(own.read_text(encoding="utf-8"), own) if own and own.is_file() else {})}
    )


@cache
def _packaged() -> dict[str, Template]:
    file = files("blender.training.prompts") / NAME
    return _parsed(file.read_text(encoding="utf-8"), Path(NAME))


def _parsed(text: str, path: Path) -> dict[str, Template]:
    try:
        return msgspec.convert(tomllib.loads(text), dict[str, Template])
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, BadInput) as fault:
        raise BadInput(
            f"{path}: {fault}; accepted is one table for each set, with templates (a list of texts) and instruction"
        ) from None


def filled(template: str, values: Mapping[str, object], options: Sequence[str] | None) -> str:
    """A template with a row's values, ready to be answered.

    Raises:
        BadInput: it names a field that the row does not have.
    """

    def put(match: re.Match[str]) -> str:
        name = match.group(1)
        if name == "options":
            whole_line = template[: match.start()].endswith("\n") and template[match.end() :][:1] in ("", "\n")
            return _listed(options or (), whole_line)
        if name not in values:
            raise BadInput(f"a template asks for {{{name}}}; the row has {', '.join(sorted(values))}")
        value = values[name]
        return "\n".join(map(str, value)) if isinstance(value, list) else str(value)

    return _FIELD.sub(put, template).strip() + ANSWER


def _listed(options: Sequence[str], below: bool) -> str:
    if below:
        return "\n".join(f"- {option}" for option in options)
    return " or ".join(filter(None, [", ".join(options[:-1]), options[-1] if options else ""]))
