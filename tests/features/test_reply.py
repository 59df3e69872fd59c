from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from blender.errors import BadModel
from blender.features.relevance import Relevance
from blender.features.reply import Reply
from blender.models.reply import REPLIES, load_reply
from blender.models.tuned import CHANGES, MANIFEST, read_manifest
from blender.records import Pool

pytestmark = pytest.mark.slow
FIT, LAST, GAIN = range(3)


def test_an_answer_counts_more_beside_an_echo_than_for_relevance() -> None:
    texts = ["Pretty good, I went hiking with my brother!", "How is your weekend?", "The stock market fell today."]
    pool = Pool.of("Hi! How was your weekend?", texts)
    values, alike = Reply().annotate([pool]), Relevance().annotate([pool])
    assert values[0, FIT] > values[2, FIT]
    assert values[1, FIT] - values[0, FIT] < alike[1, 0] - alike[0, 0] - 0.1
    np.testing.assert_allclose(values[:, FIT], values[:, LAST], atol=1e-5, err_msg="one turn is the whole context")


def test_what_fits_anywhere_gains_little_from_fitting_here() -> None:
    texts = ["Oh cool!", "The lasagna was great, my grandmother's recipe."]
    values = Reply().annotate([Pool.of("What did you cook last night?", texts)])
    assert values[1, GAIN] > values[0, GAIN] + 0.1


def test_the_context_matters_beyond_the_last_turn() -> None:
    pool = Pool.of(["I just got a puppy.", "Oh nice!", "What should I call it?"], ["Rex is a good name for a dog."])
    values = Reply().annotate([pool])
    assert values[0, FIT] != pytest.approx(values[0, LAST], abs=1e-3)


def test_no_more_of_a_text_is_read_than_it_was_trained_on() -> None:
    encoder = load_reply("default").encoder
    assert len(encoder._tokens.single(["word " * 100])[0]) == read_manifest(REPLIES / "default").tokens


def test_a_folder_without_a_model_and_an_altered_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadModel, match="no reply model at"):
        load_reply(str(tmp_path))
    for file in (REPLIES / "default").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    broken = bytearray((tmp_path / CHANGES).read_bytes())
    broken[-1] ^= 1
    (tmp_path / CHANGES).write_bytes(broken)
    with pytest.raises(BadModel, match=f"is not the file that {MANIFEST} names"):
        load_reply(str(tmp_path))
