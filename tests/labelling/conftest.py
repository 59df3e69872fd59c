from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from blender.labelling.answers import Proposed
from blender.labelling.campaign import Campaign
from blender.labelling.gold import GoldAnswer
from blender.labelling.making import make_campaign
from blender.labelling.records import Form, Gold
from blender.labelling.store import Store
from blender.records import Dialog


@pytest.fixture(params=["single", "pool"])
def form(request: pytest.FixtureRequest) -> Form:
    """Each form of sheet."""
    return "pool" if request.param == "pool" else "single"


@pytest.fixture
def campaign(form: Form) -> Campaign:
    """Three systems on 12 contexts, two raters an item, with gold answers and repetitions."""
    contexts = [Dialog.of(["Hi!", "Hello.", f"What about {at}?"], id=f"d{at}") for at in range(12)]
    answers = [
        Proposed(system=system, kind="generator", dialog=dialog, text=f"{system} says {dialog.id}.")
        for dialog in contexts
        for system in ("alpha", "beta", "gamma")
    ]
    gold = [
        GoldAnswer(dialog=Dialog.of("Gold?", id="gold"), text=f"Known {at}", gold=Gold(sensible=True))
        for at in range(3)
    ]
    return make_campaign(answers, name="try", form=form, raters=2, gold=gold, gold_every=6, repeat=0.2, seed=7)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "labels.sqlite")
    yield opened
    opened.close()
