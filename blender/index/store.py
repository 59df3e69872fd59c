"""A phrase base on disk: Arrow tables, embeddings and indexes under content-addressed names, and one manifest.

The manifest is the only file that is ever replaced, and the last that is written: until then the old base is whole,
whatever happens, and who has it open keeps what was mapped.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from blender.errors import BadBase
from blender.index.contents import Contents
from blender.index.settings import BaseSettings, IndexKind
from blender.models.cache import file_digest
from blender.models.folders import read_versioned

VERSION = 1
_ANEW = "Build it anew with `blend index build`"
MANIFEST = "manifest.json"
FILES = re.compile(r"[a-z_]+-[0-9a-f]{12}\.(arrow|npy|faiss)")
"""Names that `Writer` gives to the files of a base."""
_ASIDE = re.compile(rf"\.({FILES.pattern}|manifest\.json)\.[0-9a-f]{{32}}")
"""Names that `write_aside` gives them; while the base is locked they are what a killed process left."""


class FileNote(msgspec.Struct, frozen=True):
    """One file of a base: its name in the folder, size in bytes and SHA-256."""

    name: str
    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a base is made of.

    Attributes:
        version: of this layout.
        encoder_fingerprint: of the model that made the embeddings; its reference is in the settings.
        settings: what the base was built with.
        counts: how many ``phrases``, ``contexts`` and ``pairs`` (phrases before near-duplicates collapsed).
        indexes: kind of each FAISS index by what it finds, ``contexts`` and ``replies``.
        files: by role.
    """

    version: int
    encoder_fingerprint: str
    settings: BaseSettings
    counts: dict[str, int]
    indexes: dict[str, IndexKind]
    files: dict[str, FileNote]


@dataclass
class Writer:
    """Puts files into a base's folder; what it wrote is taken back unless ``commit`` is reached."""

    folder: Path
    notes: dict[str, FileNote] = field(default_factory=dict)
    _new: list[Path] = field(default_factory=list)

    def table(self, role: str, table: pa.Table) -> None:
        """Write a table as Arrow IPC."""
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table.combine_chunks())
        self.data(role, "arrow", sink.getvalue())

    def vectors(self, role: str, vectors: NDArray[np.floating]) -> None:
        """Write embeddings as npy."""
        header = npy_header(vectors.dtype, vectors.shape)
        self.data(role, "npy", header, np.ascontiguousarray(vectors).data.cast("B") if vectors.size else b"")

    def data(self, role: str, suffix: str, *parts: Any) -> None:
        """Write bytes under a name made of their digest; a file that is there already is kept."""
        summed = hashlib.sha256()
        for part in parts:
            summed.update(part)
        path = self.folder / f"{role}-{summed.hexdigest()[:12]}.{suffix}"
        size = sum(memoryview(part).nbytes for part in parts)
        if not (path.is_file() and path.stat().st_size == size):
            self._new.append(path)
            write_aside(path, *parts)
        self.notes[role] = FileNote(path.name, size, summed.hexdigest())

    def commit(self, manifest: Manifest) -> None:
        """Make what was written the base, and drop the files of the one before and of a write that was killed."""
        write_aside(self.folder / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=1))
        self._new.clear()
        kept = {note.name for note in manifest.files.values()}
        for path in self.folder.iterdir():
            if _ASIDE.fullmatch(path.name) or (FILES.fullmatch(path.name) and path.name not in kept):
                with suppress(OSError):  # on some systems a file that is open elsewhere cannot be removed
                    path.unlink()

    def take_back(self) -> None:
        """Remove what was written since the last ``commit``."""
        for path in self._new:
            path.unlink(missing_ok=True)


@contextmanager
def writing(folder: Path) -> Iterator[Writer]:
    """A writer whose files disappear again if anything goes wrong before its ``commit``.

    Raises:
        BadBase: the disk is full or the folder cannot be written; what was there before is untouched.
    """
    made = not folder.exists()
    writer = Writer(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield writer
    except OSError as fault:
        raise BadBase(
            f"cannot write the base {folder}: {fault.strerror or fault}; "
            f"{'nothing of it is left' if made else 'it is as it was before'}. Give another folder, or make room"
        ) from fault
    finally:
        writer.take_back()
        if made and not (folder / MANIFEST).exists():
            with suppress(OSError):
                folder.rmdir()


def _read_manifest(folder: Path) -> Manifest:
    """Read and check the manifest, and that its files are there in full.

    Raises:
        BadBase: there is no base, it is of another version, or a file is missing, cut short or changed.
    """
    path = folder / MANIFEST
    again = f"{f'delete {folder} and build the base anew' if path.exists() else 'make one'} with `blend index build`"
    manifest = read_versioned(path, Manifest, VERSION, what="phrase base", again=again, wrong=BadBase)
    problems = [problem for note in manifest.files.values() if (problem := file_problem(folder, note))]
    if problems:
        raise BadBase(f"the base {folder} is broken: {'; '.join(problems)}. {_ANEW}")
    return manifest


def read_base(folder: Path) -> tuple[Manifest, Contents]:
    """The manifest and the contents it names; read anew where another process changed the base meanwhile.

    Raises:
        BadBase: there is no base, or it is broken.
    """
    path = folder / MANIFEST
    while True:
        before = path.read_bytes() if path.is_file() else b""
        try:
            manifest = _read_manifest(folder)
            return manifest, _read_contents(folder, manifest.files)
        except BadBase:
            if not before or path.read_bytes() == before:  # else the files that were missed went with their manifest
                raise


def file_problem(folder: Path, note: FileNote) -> str:
    """What is wrong with a file, empty if it is there in full and unchanged."""
    path = folder / note.name
    if Path(note.name).name != note.name:
        return f"{note.name!r} lies outside its folder"
    if not path.is_file():
        return f"{note.name} is missing"
    size = path.stat().st_size
    if size != note.bytes:
        return f"{note.name} has {size:,} bytes of {note.bytes:,}"
    return "" if file_digest(path) == note.sha256 else f"{note.name} was changed (its sha256 is another)"


def _read_contents(folder: Path, files: Mapping[str, FileNote]) -> Contents:
    """Map a base's tables and embeddings into memory; they are checked, and copied only where they are used.

    Raises:
        BadBase: files are not what the base of a manifest holds, or do not go together.
    """
    absent = sorted({"phrases", "contexts", "reply_vectors", "context_vectors"} - set(files))
    if absent:
        raise BadBase(f"the base {folder} is broken: its {MANIFEST} names no {', '.join(absent)}. {_ANEW}")
    contents = Contents(
        phrases=_map_table(folder / files["phrases"].name, {"text": pa.string(), "times": pa.int32()}),
        contexts=_map_table(folder / files["contexts"].name, {"text": pa.string(), "phrase": pa.int32()}),
        reply_vectors=map_vectors(folder / files["reply_vectors"].name),
        context_vectors=map_vectors(folder / files["context_vectors"].name),
        indexes={role: _map_bytes(folder / note.name) for role, note in files.items() if role.endswith("_index")},
    )
    if problem := _parted(contents):
        raise BadBase(f"the base {folder} is broken: {problem}. {_ANEW}")
    return contents


def _parted(contents: Contents) -> str:
    """What does not go together, empty if all does."""
    counts = {
        "reply_vectors": (contents.reply_vectors, len(contents)),
        "context_vectors": (contents.context_vectors, contents.contexts.num_rows),
    }
    for role, (vectors, rows) in counts.items():
        if vectors.ndim != 2 or len(vectors) != rows or vectors.dtype.kind != "f":
            return f"{role} are {vectors.dtype} of shape {vectors.shape}, wanted are {rows:,} rows of floats"
    answered = contents.phrase_of_context
    if len(answered) and not (answered.min() >= 0 and answered.max() < len(contents)):
        return "contexts name phrases that are not there"
    return ""


def _map_table(path: Path, columns: Mapping[str, pa.DataType]) -> pa.Table:
    """A table that has these columns among others; what stands in it cannot lead out of the file."""
    try:
        with pa.memory_map(str(path)) as source:
            table = pa.ipc.open_file(source).read_all()
        table.validate(full=True)  # texts of places that are not there would end the process; a million take 10 ms
    except (pa.ArrowException, OSError) as fault:
        raise BadBase(f"{path} is no Arrow file of a base: {fault}. {_ANEW}") from None
    for name, kind in columns.items():
        if name not in table.column_names or table.schema.field(name).type != kind or table[name].null_count:
            raise BadBase(f"{path} lacks the column {name!r}, {kind} without nulls. {_ANEW}")
    return table


def _map_bytes(path: Path) -> NDArray[np.uint8]:
    try:
        return np.memmap(path, np.uint8, mode="r")
    except (ValueError, OSError) as fault:  # empty, or gone
        raise BadBase(f"{path} cannot be read: {fault}. {_ANEW}") from None


def map_vectors(path: Path) -> NDArray[np.floating]:
    """Map an npy file into memory, to be read only.

    Raises:
        BadBase: it is none, or is cut short.
    """
    try:
        try:
            mapped: NDArray[np.floating] = np.load(path, mmap_mode="r", allow_pickle=False)
        except ValueError:  # an array without rows cannot be mapped
            mapped = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError) as fault:
        raise BadBase(f"{path} is no npy file of numbers: {fault}. {_ANEW}") from None
    return mapped


def npy_header(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """What an npy file of such an array begins with."""
    from io import BytesIO

    sink = BytesIO()
    np.lib.format.write_array_header_1_0(
        sink, {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    )
    return sink.getvalue()


def write_aside(path: Path, *parts: Any) -> None:
    """Write bytes beside ``path`` and rename: it is there in full or not at all."""
    aside = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with aside.open("wb") as stream:
            _write(stream, *parts)
            stream.flush()
            os.fsync(stream.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _write(stream: BinaryIO, *parts: Any) -> None:
    for part in parts:
        stream.write(part)
