"""A proxy: a light model that guesses how many nats per token a language model would lose on a phrase.

It is distilled from the language model's own losses (`blend proxy train`), and is hundreds of times faster: with it a
blender runs without any pass of a language model, and a retriever can be tuned on what it would have said.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from blender.errors import BadInput, BadModel
from blender.index.context import context_text, embed_contexts
from blender.matrix import Floats
from blender.models.cache import file_digest, one_per_process, text_digest
from blender.models.encoder import Encoder, load_encoder
from blender.models.proxy_files import MANIFEST, ProxyManifest, read_manifest
from blender.records import Dialog

PROXIES = Path(__file__).parents[1] / "proxies"
CONTEXT_TURNS, FADE = 4, 0.5
"""How many of the newest turns make a context, and what a turn's vector counts beside the turn after it."""
_CHUNK = 2048


class Regressor(Protocol):
    """What reads phrases: `blender.models.proxy_head.Head` or `blender.models.proxy_transformer.Reader`."""

    @property
    def reads_vectors(self) -> bool:
        """Whether sentence embeddings are asked for; else both ``vectors`` and ``heard`` are empty."""
        ...

    def alone(self, texts: Sequence[str], vectors: Floats) -> Floats:
        """Nats per token, float32 (texts,)."""
        ...

    def both(
        self, contexts: Sequence[tuple[str, ...]], texts: Sequence[str], vectors: Floats, heard: Floats
    ) -> tuple[Floats, Floats | None]:
        """Nats per token alone and given contexts (turns, oldest first), float32 (texts,); ``None`` if it cannot."""
        ...


class Proxy:
    """Guesses a language model's nats per token. Thread-safe.

    Args:
        manifest: what it was made of.
        regressor: what reads phrases.
        encoder: used instead of loading the one the manifest names.

    Raises:
        BadModel: ``encoder`` is not the one it was trained with; the message names both.
    """

    def __init__(self, manifest: ProxyManifest, regressor: Regressor, encoder: Encoder | None = None) -> None:
        self.manifest = manifest
        self.regressor = regressor
        self._given = encoder
        if encoder is not None:
            self._check(encoder)

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hex digits; other weights, models or base have others."""
        manifest = self.manifest
        parts = sorted(f"{name} {digest}" for name, digest in manifest.sha256.items())
        return text_digest(f"proxy {manifest.version}", manifest.encoder_fingerprint, repr(manifest.quantiles), *parts)

    @cached_property
    def encoder(self) -> Encoder:
        """The sentence encoder whose vectors it reads.

        Raises:
            BadModel: the reference leads to another encoder, or nowhere; or this proxy reads no vectors.
        """
        if not self.regressor.reads_vectors:
            raise BadModel("this proxy reads text, not vectors: it has no encoder")
        encoder = self._given or load_encoder(self.manifest.encoder)
        self._check(encoder)
        return encoder

    def _check(self, encoder: Encoder) -> None:
        if self.regressor.reads_vectors and encoder.fingerprint != self.manifest.encoder_fingerprint:
            raise BadModel(
                f"the proxy was trained on vectors of {self.manifest.encoder!r} (fingerprint "
                f"{self.manifest.encoder_fingerprint}), the encoder at hand has fingerprint {encoder.fingerprint}; "
                "use the encoder it was trained with, or train a proxy with `blend proxy train --encoder`"
            )

    def alone(self, texts: Sequence[str], vectors: Floats | None = None) -> Floats:
        """Nats per token of texts without any context, float32 (texts,); NaN for an empty text.

        Args:
            texts: any.
            vectors: float32 (texts, dimension), what ``encoder.encode`` gives of them, if it is there already; else
                they are encoded here.

        Raises:
            BadInput: ``vectors`` has another shape.
        """
        made = np.full(len(texts), np.nan, dtype=np.float32)
        for some in _chunks(texts):
            chosen = [texts[int(at)] for at in some]
            made[some] = self.regressor.alone(chosen, self._vectors(chosen, vectors, some, len(texts)))
        return made

    def given(self, dialogs: Sequence[Dialog], texts: Sequence[str]) -> Floats:
        """Nats per token of each text as the answer to its dialog, float32 (texts,); see ``both``."""
        return self.both(dialogs, texts)[1]

    def both(
        self, dialogs: Sequence[Dialog], texts: Sequence[str], vectors: Floats | None = None
    ) -> tuple[Floats, Floats]:
        """Nats per token of each text alone and as the answer to its dialog, each float32 (texts,).

        NaN for an empty text; the second everywhere if the proxy was not trained with contexts. Only the newest turns
        (``CONTEXT_TURNS``) are read.
        """
        if len(dialogs) != len(texts):
            raise BadInput(f"every text needs its dialog: got {len(dialogs)} dialogs for {len(texts)} texts")
        made = np.full((2, len(texts)), np.nan, dtype=np.float32)
        if not self.manifest.conditional:
            return self.alone(texts, vectors), made[1]
        for some in _chunks(texts):
            chosen = [texts[int(at)] for at in some]
            contexts = [dialogs[int(at)].texts[-CONTEXT_TURNS:] for at in some]
            own = self._vectors(chosen, vectors, some, len(texts))
            alone, given = self.regressor.both(contexts, chosen, own, self._heard(contexts))
            made[0, some] = alone
            if given is not None:
                made[1, some] = given
        return made[0], made[1]

    def quantile(self, values: Floats) -> Floats:
        """Share of the training base's phrases that the language model itself loses less on, float32, 0 to 1.

        ``1 - quantile(alone(texts))`` is the classical reward of a retriever. NaN stays NaN.

        Args:
            values: nats per token, alone.
        """
        known = self.manifest.quantiles
        return np.interp(values, known, np.linspace(0, 1, len(known))).astype(np.float32)

    def _vectors(self, chosen: list[str], vectors: Floats | None, some: NDArray[np.int64], texts: int) -> Floats:
        if not self.regressor.reads_vectors:
            return np.zeros((len(chosen), 0), dtype=np.float32)
        if vectors is None:
            return self.encoder.encode(chosen)
        if vectors.shape != (texts, self.manifest.dimension):
            raise BadInput(
                f"vectors must be float32 ({texts}, {self.manifest.dimension}), got {vectors.shape}; give those of the "
                f"encoder {self.manifest.encoder!r}"
            )
        return np.ascontiguousarray(vectors[some], dtype=np.float32)

    def _heard(self, contexts: Sequence[tuple[str, ...]]) -> Floats:
        if not self.regressor.reads_vectors:
            return np.zeros((len(contexts), 0), dtype=np.float32)
        return context_vectors(contexts, self.encoder)


def context_vectors(contexts: Sequence[tuple[str, ...]], encoder: Encoder) -> Floats:
    """Vectors of contexts, float32 (contexts, dimension): the newest turn counts most."""
    return embed_contexts([context_text(turns, CONTEXT_TURNS) for turns in contexts], encoder, FADE)


def _chunks(texts: Sequence[str]) -> list[NDArray[np.int64]]:
    """Positions of the texts that say something, so many at a time."""
    some = np.array([at for at, text in enumerate(texts) if text.strip()], dtype=np.int64)
    return [some[at : at + _CHUNK] for at in range(0, len(some), _CHUNK)]


def load_proxy(ref: str = "default") -> Proxy:
    """Load a proxy, once per process.

    Args:
        ref: a folder that ``blend proxy train`` made, or the name of a proxy that comes with the package.

    Raises:
        BadModel: there is no such proxy, or it is broken.
    """
    folder = Path(ref).expanduser()
    if not (folder / MANIFEST).is_file() and (PROXIES / ref / MANIFEST).is_file():
        folder = PROXIES / ref
    read_manifest(folder)  # each time, since files may have been altered
    return _load(folder.absolute(), file_digest(folder / MANIFEST))


@one_per_process
def _load(folder: Path, digest: str) -> Proxy:  # noqa: ARG001 - another digest is another proxy
    manifest = read_manifest(folder)
    if manifest.size == "head":
        from blender.models.proxy_head import read_head

        return Proxy(manifest, read_head(folder, manifest.dimension, manifest.language))
    from blender.models.proxy_transformer import read_reader

    return Proxy(manifest, read_reader(folder, conditional=manifest.conditional))
