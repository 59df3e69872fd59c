from __future__ import annotations

import numpy as np
import pytest

from blender.features.perplexity import Perplexity
from blender.models.language_model import load_language_model
from blender.records import Dialog, Pool
from blender.sources.generator import Generator

pytestmark = pytest.mark.slow

NAMES = [column.name for column in Perplexity.columns]


def test_the_columns_say_what_they_should() -> None:
    dialog = Dialog.of("My dog died last week.")
    pool = Pool.of(dialog, ["I'm so sorry for your loss.", "I like pizza with cheese.", "I'm so sorry for your", ""])
    values = Perplexity().annotate([pool])
    assert values.shape == (4, 5)
    assert values.dtype == np.float32
    column = dict(zip(NAMES, values.T, strict=True))
    np.testing.assert_allclose(column["pmi"], column["alone"] - column["conditional"], atol=1e-6)
    assert column["conditional"][0] < column["conditional"][1]
    assert column["pmi"][0] > column["pmi"][1]
    assert column["worst"][0] < column["worst"][1]
    assert column["end_of_turn"][2] > column["end_of_turn"][0]
    assert np.isnan(values[3]).all()


def test_no_pools_no_rows() -> None:
    assert Perplexity().annotate([]).shape == (0, 5)
    assert Perplexity().annotate([Pool.of("Hi!", [])]).shape == (0, 5)


def test_what_the_generator_knows_is_not_computed_again() -> None:
    dialog = Dialog.of(["Hello!", "Hi, how are you?", "Great! Which films do you like?"], id="films")
    model = load_language_model(Perplexity.model, Perplexity.dtype)
    model.forget()
    (samples,) = Generator(max_new_tokens=12).propose([dialog], 6)
    noted = [candidate for candidate in samples if candidate.sampled]
    assert len(noted) >= 4

    def cost(pool: Pool) -> int:
        before = model.computed
        Perplexity().annotate([pool])
        return model.computed - before

    different = {candidate.text: len(candidate.sampled.logprobs) - 1 for candidate in noted if candidate.sampled}
    tokens = sum(different.values())
    assert cost(Pool.of(dialog, noted)) == 1 + tokens - len(different)  # a start, and all but the last tokens alone
    assert cost(Pool.of(dialog, noted)) == 0
    texts = list(different)
    assert cost(Pool.of(dialog, texts)) == tokens  # the context is there from sampling
    model.forget()
    assert cost(Pool.of(dialog, texts)) == len(model.form.context(dialog)) + tokens + 1 + tokens - len(texts)


def test_losses_noted_while_sampling_are_those_of_scoring() -> None:
    """In bfloat16 too, where steps and passes round differently."""
    dialog = Dialog.of(["Hello!", "Hi, how are you?", "Great! Which films do you like?"], id="films")
    (samples,) = Generator(max_new_tokens=12).propose([dialog], 6)
    noted = [candidate for candidate in samples if candidate.sampled]
    known = Perplexity().annotate([Pool.of(dialog, noted)])
    computed = Perplexity().annotate([Pool.of(dialog, [candidate.text for candidate in noted])])
    assert np.abs(known - computed)[:, NAMES.index("conditional")].mean() < 0.02
    assert np.abs(known - computed)[:, NAMES.index("alone")].max() == 0
