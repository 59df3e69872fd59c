from __future__ import annotations

from typing import Any

import pytest
import torch

from blender.models import contexts as module
from blender.models.contexts import Contexts
from blender.models.llama import Llama
from blender.models.middle import States

FIRST, NEXT = list(range(10, 40)), [*range(10, 40), *range(50, 60)]


def cost(kept: Contexts, *texts: list[int]) -> int:
    before = kept.model.computed
    kept.of(texts)
    return kept.model.computed - before


def check(kept: Contexts, network: Any, text: list[int]) -> None:
    """The kept keys, values and last state are those of an ordinary pass."""
    (found,) = kept.of([text])
    plain = network.base_model(input_ids=torch.tensor([text]), use_cache=True)
    torch.testing.assert_close(found.last, plain.last_hidden_state[0, -1], rtol=1e-4, atol=1e-4)
    for at, layer in enumerate(plain.past_key_values.layers):
        torch.testing.assert_close(found.seen[at, 0], layer.keys[0], rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(found.seen[at, 1], layer.values[0], rtol=1e-4, atol=1e-4)


def test_a_text_is_computed_once(kept: Contexts, small_llama: Any) -> None:
    assert cost(kept, FIRST, FIRST) == len(FIRST)
    assert cost(kept, FIRST) == 0
    check(kept, small_llama, FIRST)


def test_of_a_longer_text_only_what_is_new(kept: Contexts, small_llama: Any) -> None:
    kept.of([FIRST])
    assert cost(kept, NEXT) == 10
    check(kept, small_llama, NEXT)
    assert cost(kept, [*FIRST[:20], 70, 71]) == 2, "a common beginning"
    check(kept, small_llama, [*FIRST[:20], 70, 71])
    assert cost(kept, FIRST[:5]) == 5, "too little in common"


def test_the_last_token_of_a_shorter_text_is_computed(kept: Contexts, small_llama: Any) -> None:
    kept.of([NEXT])
    assert cost(kept, FIRST) == 1
    check(kept, small_llama, FIRST)


def test_texts_share_a_pass_and_do_not_see_each_other(
    kept: Contexts, small_llama: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes: list[int] = []
    real = Llama.states

    def counted(self: Llama, ids: torch.Tensor, *rest: Any, half: bool) -> States:
        passes.append(len(ids))
        return real(self, ids, *rest, half=half)

    monkeypatch.setattr(Llama, "states", counted)
    kept.of([FIRST])
    texts = [NEXT, list(range(60, 75)), [3]]
    kept.of(texts)
    assert passes == [30, 10 + 15 + 1]
    for text in texts:
        check(kept, small_llama, text)
    kept.clear()
    monkeypatch.setattr(module, "PASS_TOKENS", 20)
    kept.of([list(range(start, start + 9)) for start in (20, 40, 60)])
    assert passes[2:] == [18, 9]


def test_the_least_used_goes_first(kept: Contexts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT_TOKENS", 50)
    one, two, three = (list(range(start, start + 20)) for start in (10, 40, 70))
    kept.of([one, two])
    kept.of([one])
    kept.of([three])
    assert cost(kept, one) == 0
    assert cost(kept, two) == 20


def test_what_does_not_fit_is_not_kept(kept: Contexts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT_TOKENS", 25)
    assert len(kept.of([FIRST])[0].tokens) == 30
    assert cost(kept, FIRST) == 30


def test_a_turn_takes_the_place_of_the_one_before(kept: Contexts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT_TOKENS", 61)
    other = list(range(60, 80))
    kept.of([other])
    kept.of([FIRST])
    kept.of([NEXT])  # 20 + 40 tokens with what it continues dropped, 90 if not
    assert cost(kept, other) == 0


def test_a_half_context_goes_no_further_than_the_middle_and_never_stands_for_a_whole_one(
    kept: Contexts, small_llama: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (whole,) = kept.of([FIRST])
    kept.clear()
    layers: list[int] = []
    real = kept.model._through

    def through(first: int, some: Any, *rest: Any) -> Any:
        layers.extend(range(first, first + len(some)))
        return real(first, some, *rest)

    monkeypatch.setattr(kept.model, "_through", through)
    (half,) = kept.of([FIRST], half=True)
    assert layers == list(range(kept.model.middle))
    torch.testing.assert_close(half.seen[: kept.model.middle], whole.seen[: kept.model.middle])
    assert half.half and kept.of([FIRST], half=True)[0] is half
    assert cost(kept, NEXT) == len(NEXT), "a half one is no beginning of a whole one"
    check(kept, small_llama, NEXT)
    assert kept.of([NEXT], half=True)[0].half is False, "but a whole one serves where half would do"


def test_a_half_context_drives_out_no_whole_one(kept: Contexts) -> None:
    kept.of([FIRST])
    before = kept.model.computed
    kept.of([NEXT], half=True)
    assert kept.model.computed - before == 10, "it begins with the whole one"
    assert cost(kept, FIRST) == 0


def test_nothing_is_kept_after_clearing(kept: Contexts) -> None:
    kept.of([FIRST])
    kept.clear()
    assert cost(kept, FIRST) == 30
