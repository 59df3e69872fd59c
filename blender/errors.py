"""What can go wrong, one type each. Every message says what was wrong, what came, what is accepted, what to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class BlendError(Exception):
    """Anything a user of the blender can cause and mend; the command line prints it and exits with 2."""

    def __reduce__(self) -> tuple[object, ...]:
        """As it is: a process that waits for another must get the error, whatever its class is made from."""
        return _as_it_was, (type(self), self.args, self.__dict__)


class BadInput(BlendError, ValueError):
    """Text, a record or a file that is not what is accepted; ``problems`` lists every fault found."""

    def __init__(self, problems: str | Sequence[str]) -> None:
        self.problems: tuple[str, ...] = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))


class UnknownName(BlendError, LookupError):
    """A name that no catalogue or settings class knows."""

    def __init__(self, what: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = get_close_matches(name, names, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        super().__init__(f"unknown {what} {name!r}{hint} Known: {', '.join(names) or 'none'}")


class MissingPackage(BlendError, ImportError):
    """An optional package, or a package that carries a model, is not installed."""


class BadModel(BlendError):
    """A model reference that cannot be resolved, or files that are not the ones they should be."""


class BadBundle(BlendError):
    """A bundle that is broken, incomplete, or does not fit what it is asked to judge."""


class ColumnMismatch(BadBundle):
    """The columns at hand are not the columns the ranker was trained on."""

    def __init__(self, expected: Sequence[str], came: Sequence[str], *, what: str = "feature columns") -> None:
        missing = [name for name in expected if name not in set(came)]
        extra = [name for name in came if name not in set(expected)]
        parts = [f"{what} do not match the ones the ranker was trained on."]
        if missing:
            parts.append(f"Missing: {', '.join(missing)}.")
        if extra:
            parts.append(f"Unexpected: {', '.join(extra)}.")
        if not missing and not extra and len(expected) != len(came):
            parts.append(f"A name comes more than once: {len(expected)} were expected, {len(came)} came.")
        elif not missing and not extra:
            at = next(i for i, (a, b) in enumerate(zip(expected, came, strict=True)) if a != b)
            parts.append(f"Right names in another order: column {at} should be {expected[at]!r}, is {came[at]!r}.")
        parts.append("Use the annotators and settings stored in the bundle, or train anew with `blend train`.")
        super().__init__(" ".join(parts))


class BadBase(BlendError):
    """A phrase base that is broken, or was built with another encoder."""


def _as_it_was(kind: type[BlendError], args: tuple[object, ...], state: dict[str, object]) -> BlendError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error
