"""JSON lines and Parquet written row by row: aside, then renamed together."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import msgspec
import pyarrow as pa
from pyarrow import parquet

from blender.asides import aside_of
from blender.errors import BadInput, BlendError

SUFFIXES = (".jsonl", ".parquet")
_ROWS = 512


class Sink(Protocol):
    """Takes rows."""

    def write(self, row: Mapping[str, Any]) -> None:
        """Take one."""
        ...


class _JsonLines:
    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._names = schema.names
        self._stream = path.open("wb")

    def write(self, row: Mapping[str, Any]) -> None:
        self._stream.write(msgspec.json.encode({name: row[name] for name in self._names}) + b"\n")

    def close(self) -> None:
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._stream.close()


class _Parquet:
    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._schema = schema
        self._writer = parquet.ParquetWriter(path, schema)
        self._waiting: list[Mapping[str, Any]] = []

    def write(self, row: Mapping[str, Any]) -> None:
        self._waiting.append(row)
        if len(self._waiting) >= _ROWS:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.Table.from_pylist(self._waiting, schema=self._schema))
            self._waiting = []


@contextmanager
def writing(places: Sequence[Path], schema: pa.Schema) -> Iterator[list[Sink]]:
    """Sinks of some files, in their order; none of the files is there unless all of them are whole.

    Raises:
        BadInput: a suffix is not known.
        BlendError: the disk is full or the folder cannot be written.
    """
    unknown = [place.name for place in places if place.suffix not in SUFFIXES]
    if unknown:
        raise BadInput(f"{', '.join(unknown)}: accepted are names that end in {' or '.join(SUFFIXES)}")
    asides = [aside_of(place) for place in places]
    sinks: list[_JsonLines | _Parquet] = []
    try:
        for place, aside in zip(places, asides, strict=True):
            place.parent.mkdir(parents=True, exist_ok=True)
            sinks.append((_Parquet if place.suffix == ".parquet" else _JsonLines)(aside, schema))
        yield list(sinks)
        for sink in sinks:
            sink.close()
        for place, aside in zip(places, asides, strict=True):
            aside.replace(place)
    except OSError as fault:
        raise BlendError(
            f"cannot write {places[0].parent}: {fault.strerror or fault}; nothing was changed. Make room or name "
            "another place"
        ) from fault
    finally:
        for aside in asides[: len(sinks)]:
            with suppress(OSError):
                aside.unlink(missing_ok=True)
