from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from blender.errors import BadInput
from blender.features.perplexity import Perplexity
from blender.index.build import add, build_base
from blender.index.corpus import Phrase
from blender.models.tree import Branch
from blender.records import Dialog
from blender.sources.grounded import Grounded

FOOD = Dialog.of("What is your favourite food?", id="food", facts=["My favourite food is pickled herring.", " "])
BARE = Dialog.of("What is your favourite food?", id="bare")


def test_it_asks_for_at_least_one_passage() -> None:
    with pytest.raises(BadInput, match="passages of 1 or more"):
        Grounded(passages=0)


def test_the_first_facts_are_told_each_once() -> None:
    dialog = Dialog.of("Hi!", facts=["I hike.", " I hike. ", "I cook.", "I read."])
    assert Grounded(facts=3).knowledge([dialog, BARE]) == [("I hike.", "I cook."), ()]
    assert Grounded(facts=0).knowledge([dialog]) == [()]
    with pytest.raises(BadInput, match="facts of 0 or more, got 3 and -1"):
        Grounded(facts=-1)


@pytest.mark.slow
def test_it_speaks_of_what_it_knows_and_is_silent_otherwise() -> None:
    with_facts, without = Grounded(max_new_tokens=16).propose([FOOD, BARE], 6)
    assert without == []
    assert 1 < len(with_facts) <= 6  # those broken off are left out
    assert {candidate.evidence for candidate in with_facts} == {("My favourite food is pickled herring.",)}
    assert {candidate.source for candidate in with_facts} == {"grounded"}


@pytest.mark.slow
def test_what_it_knows_makes_the_model_say_it_more_likely() -> None:
    """Judged by likelihood: whether one of a few samples says it hangs on rounding."""
    source = Grounded()
    model, (knowledge,) = source._model, source.knowledge([FOOD])
    told = Branch(0, tuple(model.form.answer("I love pickled herring.")), False)
    prompts = [model.form.context(FOOD, source.system, known) for known in (knowledge, ())]
    grounded, plain = (float(model.judge([prompt], [told])[0].tokens.sum()) for prompt in prompts)
    assert grounded > plain + 5, "nats of the whole answer"


@pytest.mark.slow
def test_its_losses_are_not_taken_for_those_without_knowledge() -> None:
    (candidates,) = Grounded(max_new_tokens=8).propose([FOOD], 2)
    noted = {candidate.sampled.fingerprint for candidate in candidates if candidate.sampled}
    assert noted
    model = Perplexity()._model
    assert model.prompt_digest(model.form.context(FOOD)) not in noted


@pytest.mark.slow
def test_documents_and_phrases_are_found_and_put_before_the_dialog(tmp_path: Path) -> None:
    phrases = [
        Phrase(context="What is your favourite food?", reply="I could live on dumplings."),
        Phrase(context="Where do you work?", reply="At the town library."),
    ]
    passages = [
        Phrase(context="", reply="Pickled herring is a food that people in Sweden love."),
        Phrase(context="", reply="The Nile is the longest river of Africa."),
    ]
    build_base(phrases, tmp_path / "phrases")
    build_base(passages, tmp_path / "documents")
    source = Grounded(
        base=str(tmp_path / "phrases"), documents=str(tmp_path / "documents"), passages=1, max_new_tokens=8
    )
    expected = ("Pickled herring is a food that people in Sweden love.", "I could live on dumplings.")
    assert source.knowledge([BARE]) == [expected]
    both = ("My favourite food is pickled herring.", expected[0])  # not what somebody else once answered
    blank = replace(BARE, facts=(" ",))
    assert source.knowledge([FOOD, BARE, FOOD, blank]) == [both, expected, both, expected]
    (candidates,) = source.propose([BARE], 2)
    assert [candidate.evidence for candidate in candidates] == [expected, expected]
    before = source.fingerprint
    add(tmp_path / "phrases", [Phrase(context="What do you drink?", reply="Nothing but tea.")])
    assert replace(source).fingerprint != before, "another answer might be given"
