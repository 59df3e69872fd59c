from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from blender.errors import BadModel
from blender.features.relevance import Relevance
from blender.features.reply import Reply
from blender.models.reply import BANK, REPLIES, SCALE, ReplyModel, load_reply
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


def test_only_so_many_newest_turns_are_read_the_newest_first() -> None:
    model = ReplyModel(load_reply("default").encoder, 2, np.eye(2, dtype=np.float32), 1.0, "by hand")
    assert model.read(["Hi!", "How are you? [SEP]", "Fine."]) == "Fine. [SEP] How are you?  "


def test_fitting_everywhere_is_the_soft_mean_over_other_contexts() -> None:
    bank, replies = np.array([[1, 0], [0, 1]], np.float32), np.array([[1, 0], [0.6, 0.8]], np.float32)
    model = ReplyModel(load_reply("default").encoder, 3, bank, 20.0, "by hand")
    expected = np.log(np.exp(20 * replies).mean(axis=1)) / 20
    np.testing.assert_allclose(model.everywhere(replies), expected, atol=1e-5)


def test_another_bank_is_another_model_and_another_encoder_than_it_starts_from_is_refused(tmp_path: Path) -> None:
    shutil.copytree(REPLIES / "default", tmp_path / "copy")
    bank = load_file(tmp_path / "copy" / BANK)
    save_file({**bank, SCALE: bank[SCALE] + 1}, tmp_path / "copy" / BANK)
    assert load_reply(str(tmp_path / "copy")).fingerprint != load_reply("default").fingerprint
    shutil.copytree(REPLIES / "default", tmp_path / "foreign")
    manifest = msgspec.json.decode((tmp_path / "foreign" / MANIFEST).read_bytes())
    (tmp_path / "foreign" / MANIFEST).write_bytes(msgspec.json.encode({**manifest, "encoder_digest": "0" * 16}))
    with pytest.raises(BadModel, match="as it was, the one installed is another"):
        load_reply(str(tmp_path / "foreign"))


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
