from __future__ import annotations

import numpy as np
import pytest

from blender.features.proxy import Proxy
from blender.models.proxy import load_proxy
from blender.records import Candidate, Dialog, Embedded, Pool

ALONE, CONDITIONAL, PMI, QUANTILE = range(4)


@pytest.mark.slow
def test_columns_agree_with_each_other() -> None:
    pool = Pool.of(
        Dialog.of(["Do you like quokkas?"]), ["Yes, I like quokkas.", "Zeppelins jitterbug.", "I don't know."]
    )
    values = Proxy().annotate([pool])
    np.testing.assert_allclose(values[:, PMI], values[:, ALONE] - values[:, CONDITIONAL], rtol=1e-5)
    assert values[1, ALONE] > values[2, ALONE]
    assert values[1, QUANTILE] > values[2, QUANTILE]
    assert values[0, PMI] > values[1, PMI], "the question explains an answer about quokkas"


@pytest.mark.slow
def test_a_vector_that_came_with_a_phrase_is_read_instead_of_the_phrase() -> None:
    encoder = load_proxy().encoder
    pool = Pool.of("What do you keep?", ["I keep four very old axolotls."])
    vector = Embedded(fingerprint=encoder.fingerprint, vector=encoder.encode(["I have a dog."])[0])
    encoder.encode(pool.dialog.texts, role="query")
    before = encoder.computed
    phrase = Candidate(text=pool.texts[0], embedded=vector)
    found = Proxy().annotate([Pool.of(pool.dialog, [phrase])])
    assert encoder.computed == before
    assert np.abs(found - Proxy().annotate([pool])).max() > 1e-3


@pytest.mark.slow
def test_agrees_with_the_language_model_in_order() -> None:
    from blender.features.perplexity import Perplexity

    texts = [
        "I don't know.",
        "My aunt breeds axolotls in Riga.",
        "Yes.",
        "That sounds like a lot of fun!",
        "Hmm pizza qua.",
    ]
    pool = Pool.of("What do you do?", texts)
    guessed, true = Proxy().annotate([pool])[:, ALONE], Perplexity().annotate([pool])[:, 1]
    assert np.corrcoef(guessed, true)[0, 1] > 0.7
