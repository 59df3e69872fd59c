from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from blender.errors import BadInput
from blender.models.sampling import Asked, Sampling, choose, draw, sampled, uniforms
from blender.models.scoring import judge_one_by_one
from blender.models.tree import PROMPT, Branch

PROMPTS = [[9, 10, 11, 12, 13], [20, 21], [40, 41, 42, 43, 44, 45, 46, 47]]
ENDS = (3, 5)


def asked(prompts: list[list[int]], k: int, settings: Sampling) -> list[Asked]:
    chances = [uniforms(f"{prompt[0]:016x}", k, settings) for prompt in prompts]
    return [Asked(prompt=prompt, chances=own, settings=settings) for prompt, own in zip(prompts, chances, strict=True)]


def sample(model: Any, prompts: list[list[int]], k: int, settings: Sampling) -> list[list[list[int]]]:
    with torch.inference_mode():
        drawn, _ = draw(model, asked(prompts, k, settings), ENDS)
    return [[one.tokens for one in group] for group in drawn]


def test_the_same_seed_gives_the_same_answers_and_another_seed_others(small_llama: Any) -> None:
    first = sample(small_llama, PROMPTS, 3, Sampling(seed=4))
    assert first == sample(small_llama, PROMPTS, 3, Sampling(seed=4))
    assert first != sample(small_llama, PROMPTS, 3, Sampling(seed=5))


def test_neither_the_batch_nor_the_number_of_samples_changes_an_answer(small_llama: Any) -> None:
    settings = Sampling(max_new_tokens=20)
    together = sample(small_llama, PROMPTS, 4, settings)
    for prompt, group in zip(PROMPTS, together, strict=True):
        assert sample(small_llama, [prompt], 4, settings)[0] == group
        assert sample(small_llama, [prompt], 2, settings)[0] == group[:2]


def test_prompts_of_unlike_lengths_keep_their_places_where_these_are_learned() -> None:
    """Turned positions, as Llama's, tell only how far tokens stand apart."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        config = GPT2Config(vocab_size=97, n_embd=32, n_layer=2, n_head=4, initializer_range=0.4)
        model: Any = GPT2LMHeadModel(config)
    model.eval()
    settings = Sampling(max_new_tokens=9)
    together = sample(model, PROMPTS, 2, settings)
    assert together == [sample(model, [prompt], 2, settings)[0] for prompt in PROMPTS]


def test_log_probabilities_are_those_of_scoring(small_llama: Any) -> None:
    settings = Sampling(max_new_tokens=15, temperature=0.6, repetition_penalty=1.5)
    with torch.inference_mode():
        drawn, passed = draw(small_llama, asked(PROMPTS, 3, settings), ENDS)
        assert passed == sum(map(len, PROMPTS)) + sum(len(one.tokens) for group in drawn for one in group)
        for prompt, group in zip(PROMPTS, drawn, strict=True):
            for one in group:
                assert len(one.ends) == len(one.tokens) + 1 == len(one.logprobs) + 1
                if one.tokens:
                    branch = Branch(PROMPT, tuple(one.tokens), True)
                    judged = judge_one_by_one(small_llama, (prompt, [1]), [branch], ENDS)[0][0]
                    np.testing.assert_allclose(one.logprobs, judged.tokens, atol=1e-4)
                    np.testing.assert_allclose(one.ends[-1], judged.end, atol=1e-4)


def test_an_answer_ends_at_an_end_token_or_at_the_limit(small_llama: Any) -> None:
    settings = Sampling(max_new_tokens=25, temperature=1.5, top_p=1.0)
    with torch.inference_mode():
        drawn, _ = draw(small_llama, asked(PROMPTS, 16, settings), ENDS)
    flat = [one for group in drawn for one in group]
    assert {one.finished for one in flat} == {True, False}
    for one in flat:
        assert not set(one.tokens) & set(ENDS)
        assert one.finished or len(one.tokens) == 25
        assert not one.finished or len(one.tokens) < 25


def test_temperature_zero_and_a_tiny_nucleus_take_the_likeliest(small_llama: Any) -> None:
    greedy = sample(small_llama, PROMPTS, 2, Sampling(temperature=0, repetition_penalty=1))
    assert greedy == sample(small_llama, PROMPTS, 2, Sampling(top_p=1e-9, repetition_penalty=1))
    assert all(first == second for first, second in greedy)
    ids = list(PROMPTS[0])
    with torch.inference_mode():
        for token in greedy[0][0]:
            assert int(small_llama(torch.tensor([ids])).logits[0, -1].argmax()) == token
            ids.append(token)


@pytest.mark.parametrize("temperature", [1e-6, 1e-30, 1e-40, 1e-300])
def test_the_coldest_temperatures_take_the_likeliest(temperature: float) -> None:
    logits = torch.tensor([[0.15, 0.5, 0.05, 0.3]]).log()
    assert choose(logits, np.array([0.999]), Sampling(temperature=temperature, top_p=1.0)).tolist() == [1]


def test_a_penalty_makes_repetition_rarer(small_llama: Any) -> None:
    def repeated(penalty: float) -> int:
        answers = sample(
            small_llama, PROMPTS, 8, Sampling(repetition_penalty=penalty, max_new_tokens=30, temperature=0.5)
        )
        return sum(len(tokens) - len(set(tokens)) for group in answers for tokens in group)

    assert repeated(3.0) < repeated(1.0) / 2


@pytest.mark.parametrize(("top_p", "expected"), [(1.0, (0.5, 0.3, 0.15, 0.05)), (0.75, (0.625, 0.375, 0.0, 0.0))])
def test_choices_follow_the_distribution(top_p: float, expected: tuple[float, ...]) -> None:
    logits = torch.log(torch.tensor([0.15, 0.5, 0.05, 0.3])).repeat(2000, 1)
    even = (np.arange(2000) + 0.5) / 2000
    tokens = choose(logits, even, Sampling(temperature=1.0, top_p=top_p))
    counts = np.bincount(tokens.numpy(), minlength=4)[[1, 3, 0, 2]] / 2000
    np.testing.assert_allclose(counts, expected, atol=0.001)
    assert choose(logits[:1], np.ones(1), Sampling(temperature=1.0, top_p=top_p)).item() == (2 if top_p == 1 else 3)


class Always:
    """A batch of one sample whose next token always has the same probabilities."""

    rows = np.arange(1)
    logits = torch.tensor([[0.3, 0.25, 0.2, 0.15, 0.1]]).log()

    def advance(self, chosen: torch.Tensor, going: torch.Tensor) -> None: ...


def test_every_token_is_decided_by_a_number_of_its_own() -> None:
    settings = Sampling(max_new_tokens=5, temperature=1.0, top_p=1.0, repetition_penalty=1.0)
    own = Asked(prompt=(1,), chances=np.array([[0.8, 0.1, 0.6, 0.4, 0.95]]), settings=settings)
    ((found,),) = sampled(Always(), [own], [4])
    assert found.tokens == [3, 0, 2, 1] and found.finished


def test_the_whole_vocabulary_is_drawn_from_when_the_likeliest_hold_too_little() -> None:
    logits = torch.stack([torch.linspace(0, -1e-3, 5000), torch.eye(5000)[0] * 99])
    for share in (0.01, 0.5, 0.99):
        falling, sure = choose(logits, np.full(2, share), Sampling(temperature=1.0, top_p=1.0)).tolist()
        assert falling == pytest.approx(5000 * share, abs=3)
        assert sure == 0


def test_wrong_settings_are_all_named() -> None:
    with pytest.raises(BadInput) as refused:
        Sampling(temperature=-1, top_p=0, repetition_penalty=0, max_new_tokens=0, seed=-1)
    assert len(refused.value.problems) == 5
    assert "top_p must be above 0 and at most 1, got 0" in str(refused.value)


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_what_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(BadInput, match=f"temperature must be a number of 0 or more, got {value}"):
        Sampling(temperature=value)
    with pytest.raises(BadInput, match=f"repetition_penalty must be a number above 0, got {value}"):
        Sampling(repetition_penalty=value)
