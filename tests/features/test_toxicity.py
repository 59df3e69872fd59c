from __future__ import annotations

import numpy as np
import pytest

from blender.features.toxicity import Toxicity
from blender.records import Candidate, Dialog, Pool

pytestmark = pytest.mark.slow
TOXIC, CHANGE = range(2)


@pytest.mark.parametrize(
    ("model", "locale", "kind", "foul"),
    [
        ("pkg:toxicityclassifier/English", "en", "Thanks, see you tomorrow.", "Shut up, you stupid idiot."),
        ("pkg:toxicityclassifier/Russian", "ru", "Спасибо, увидимся завтра.", "Заткнись, тупой идиот."),
    ],
)
def test_insults_are_toxic_and_thanks_are_not(model: str, locale: str, kind: str, foul: str) -> None:
    values = Toxicity(model=model).annotate([Pool.of(Dialog.of("Ok", locale=locale), [kind, foul])])
    assert values[0, TOXIC] < 0.2
    assert values[1, TOXIC] > 0.9


def test_change_is_against_the_last_human_turn() -> None:
    calm, heated = (Pool.of(turn, ["You are a fool."]) for turn in ("Nice day.", "Shut up, you stupid idiot."))
    values = Toxicity().annotate([calm, heated])
    assert values[0, TOXIC] == values[1, TOXIC]
    assert values[0, CHANGE] > values[1, CHANGE]
    alone = Toxicity().annotate([Pool.of("Hi", ["Nice day."])])[0, TOXIC]
    assert values[0, CHANGE] == pytest.approx(values[0, TOXIC] - alone)


def test_a_stored_score_is_taken_only_under_its_own_fingerprint() -> None:
    subject = Toxicity()
    measured = subject.annotate([Pool.of("Hi", ["Hello."])])[0, TOXIC]
    stored = {f"{subject.fingerprint}:toxicity.toxic": 0.625}
    values = subject.annotate(
        [Pool.of("Hi", [Candidate(text="Hello.", stored=stored), Candidate(text="Hello.", stored={"x:y": 0.625})])]
    )
    assert values[:, TOXIC].tolist() == [0.625, measured]


def test_languages_have_other_fingerprints() -> None:
    assert Toxicity().fingerprint != Toxicity(model="pkg:toxicityclassifier/Russian").fingerprint


def test_no_text_no_score() -> None:
    assert np.isnan(Toxicity().annotate([Pool.of("Hi", ["", " "])])).all()
