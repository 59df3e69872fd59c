"""What was measured, kept by content; files that are no caches are tested with the annotation of training."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from blender.errors import BadInput
from blender.measured import FeatureCache


@pytest.fixture
def cache(tmp_path: Path) -> FeatureCache:
    return FeatureCache.of(tmp_path / "new folder", "mine", "f" * 16, 2)


def test_what_was_kept_is_found_however_much_is_asked_for(cache: FeatureCache) -> None:
    kept = {b"key %d" % at: np.array([[at, np.nan]], dtype=np.float32) for at in range(1203)}
    cache.put(kept)
    again = FeatureCache(path=cache.path, width=2)  # as another run opens it
    found = again.get([*kept, b"never measured"])
    assert found.keys() == kept.keys()
    for key, values in kept.items():
        np.testing.assert_array_equal(found[key], values)


def test_things_of_several_rows_and_of_none_keep_their_shape(cache: FeatureCache) -> None:
    several, none = np.arange(6, dtype=np.float32).reshape(3, 2), np.zeros((0, 2), dtype=np.float32)
    cache.put({b"pool": several[:1]})
    cache.put({b"pool": several, b"empty pool": none})
    found = cache.get([b"pool", b"empty pool"])
    np.testing.assert_array_equal(found[b"pool"], several)  # what was measured anew takes the place of what was there
    assert found[b"empty pool"].shape == (0, 2)


def test_nothing_is_made_to_look_into_what_is_not_there(cache: FeatureCache) -> None:
    assert cache.get([b"key"]) == {}
    assert not cache.path.parent.exists()


def test_another_fingerprint_is_another_file(cache: FeatureCache) -> None:
    cache.put({b"key": np.zeros((1, 2), dtype=np.float32)})
    assert FeatureCache.of(cache.path.parent, "mine", "e" * 16, 2).get([b"key"]) == {}


def test_a_value_of_another_width_is_no_measurement(cache: FeatureCache) -> None:
    cache.put({b"key": np.zeros((1, 2), dtype=np.float32)})
    with sqlite3.connect(cache.path) as connection:
        connection.execute("UPDATE features SET value = x'00112233'")
    with pytest.raises(BadInput, match=r"is no feature cache .*; delete it, it will be made anew"):
        cache.get([b"key"])


def test_a_cache_in_use_is_not_taken_for_a_broken_one(cache: FeatureCache, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.put({b"key": np.zeros((1, 2), dtype=np.float32)})
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda path, **_: connect(path, timeout=0))
    other = connect(cache.path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(BadInput, match="cannot be used now"):
        cache.get([b"key"])
    other.execute("ROLLBACK")
    other.close()
    assert cache.get([b"key"]).keys() == {b"key"}


def test_a_broken_cache_is_told_of_once(cache: FeatureCache) -> None:
    cache.path.parent.mkdir()
    cache.path.write_bytes(bytes(4096))
    with pytest.raises(BadInput) as told:
        cache.get([b"key"])
    assert str(told.value).count(str(cache.path)) == 1
