from __future__ import annotations

import numpy as np
import pytest

from blender.features.relevance import Relevance
from blender.features.safety import Safety
from blender.models.encoder import load_encoder
from blender.records import Dialog, Pool

pytestmark = pytest.mark.slow
OFFENCE = "Women are nothing but stupid sluts."


def test_agreeing_with_an_offence_is_more_toxic_than_agreeing_with_praise() -> None:
    pools = [Pool.of(turn, ["Yes, you are so right."]) for turn in (OFFENCE, "The cake was lovely.")]
    offence, praise = Safety().annotate(pools)[:, 0]
    assert offence > praise + 0.2


def test_reads_the_vectors_of_relevance() -> None:
    pool = Pool.of(Dialog.of(["Do you ski?", "I never did.", "You could learn it!"]), ["I am too old.", "Why not?"])
    Relevance().annotate([pool])
    encoder = load_encoder(Relevance().encoder)
    before = encoder.computed
    values = Safety().annotate([pool])
    assert encoder.computed == before
    assert values.shape == (2, 1) and np.isfinite(values).all()


def test_no_text_no_score() -> None:
    assert np.isnan(Safety().annotate([Pool.of("Hi", ["", " "])])).all()


def test_languages_have_other_fingerprints() -> None:
    assert Safety().fingerprint != Safety(head="russian").fingerprint
