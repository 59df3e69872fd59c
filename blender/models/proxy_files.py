"""The folder of a proxy: what ``proxy.json`` says, and the files beside it; nothing in it is a pickle.

proxy.json               version, size, models with fingerprints, the base's distribution, metrics, digests of files
weights.safetensors      of a head: counts and weights, half precision
network/                 of a transformer: config.json, model.safetensors, tokenizer.json
CARD.md                  the model card
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import msgspec

from blender.errors import BadModel
from blender.manifest import replacing, sha256
from blender.models.folders import read_versioned

VERSION = 1
MANIFEST = "proxy.json"
CARD = "CARD.md"
Size = Literal["head", "transformer"]


class ProxyManifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``proxy.json``.

    Attributes:
        version: of the format.
        size: a head on sentence embeddings, or a transformer that reads text.
        conditional: whether it also guesses the loss given a context.
        language: whose word frequencies it reads, such as ``en``.
        model: reference of the language model it imitates.
        model_fingerprint: of that model and its prompt.
        encoder: reference of the sentence encoder it reads; empty for a transformer.
        encoder_fingerprint: of that encoder.
        dimension: of its vectors; 0 for a transformer.
        quantiles: the language model's nats per token on the base it was trained on, at even steps from 0 to 1.
        data: digest of the phrases.
        seed: of the split and of training.
        settings: how it was trained.
        metrics: on held-out phrases.
        sha256: of every other file but the card, by name.
    """

    version: int
    size: Size
    conditional: bool
    language: str
    model: str
    model_fingerprint: str
    encoder: str
    encoder_fingerprint: str
    dimension: int
    quantiles: tuple[float, ...]
    data: str
    seed: int
    settings: dict[str, Any]
    metrics: dict[str, Any]
    sha256: dict[str, str]


def read_manifest(folder: Path) -> ProxyManifest:
    """Read ``proxy.json`` and check the other files against it.

    Raises:
        BadModel: a file is missing, broken or altered, or the version is not known here.
    """
    path, again = folder / MANIFEST, "use `default`, or train the proxy anew with `blend proxy train`"
    manifest = read_versioned(path, ProxyManifest, VERSION, what="proxy", again=again)
    for name, digest in manifest.sha256.items():
        _check(folder, name, digest)
    if len(manifest.quantiles) < 2 or list(manifest.quantiles) != sorted(manifest.quantiles):
        raise BadModel(f"{path} is broken: its quantiles do not rise; train the proxy anew")
    return manifest


def _check(folder: Path, name: str, digest: str) -> None:
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise BadModel(f"{folder / MANIFEST} names a file outside the proxy: {name!r}")
    try:
        found = sha256(path.read_bytes())
    except OSError as fault:
        raise BadModel(f"{path} cannot be read ({fault.strerror}); train the proxy anew") from None
    if found != digest:
        raise BadModel(f"{path} is truncated or altered (sha256 {found[:12]}…, should be {digest[:12]}…)")


def save_proxy(folder: Path, manifest: ProxyManifest, card: str, write: Callable[[Path], None]) -> ProxyManifest:
    """Write a proxy aside, then put it in place; one that was there is replaced.

    Args:
        folder: new, empty, or a proxy.
        manifest: its ``sha256`` is filled in here.
        card: markdown.
        write: puts the weights into a folder.

    Raises:
        BadModel: ``folder`` holds something else, or the disk is full; what was there before stays.
    """
    check_place(folder)
    try:
        with replacing(folder) as aside:
            write(aside)
            files = sorted(path for path in aside.rglob("*") if path.is_file())
            digests = {path.relative_to(aside).as_posix(): sha256(path.read_bytes()) for path in files}
            whole = msgspec.structs.replace(manifest, sha256=digests)
            (aside / CARD).write_text(card, encoding="utf-8")
            (aside / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(whole), indent=2) + b"\n")
    except OSError as fault:
        raise BadModel(
            f"the proxy could not be written to {folder}: {fault.strerror or fault}; nothing was changed. "
            "Make room or choose another folder"
        ) from None
    return whole


def check_place(folder: Path) -> None:
    """Refuse a folder that holds something other than a proxy.

    Raises:
        BadModel: it does.
    """
    if folder.exists() and not (folder / MANIFEST).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadModel(f"{folder} exists and is not a proxy; name a new or empty folder")
