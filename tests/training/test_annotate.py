"""What was measured once is not measured again; a kill costs one chunk; a changed annotator only its own columns."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blender.annotation import annotate
from blender.catalogue import fingerprint
from blender.errors import BadInput, BlendError
from blender.features import ANNOTATORS
from blender.matrix import Floats
from blender.measured import FeatureCache
from blender.records import Candidate, Dialog, Pool
from blender.roles import Annotator, Column
from blender.training import annotate as module
from blender.training.annotate import ONE_BY_ONE, annotate_all
from blender.training.cache import candidate_key, pool_key

COLUMN = Column(
    name="letters", unit="letters", direction="neither", meaning="", missing="never", says="longer", says_low="shorter"
)
POOLS = [
    Pool.of(
        [f"How is day {at} going?"],
        [f"Day {at} is fine.", "Good.", "It rains, is it not so?", "I do not know."][: 1 + at % 4],
    )
    for at in range(20)
]


@dataclass(frozen=True, kw_only=True)
class Counting:
    """Counts letters, and what it was asked."""

    scale: float = 1.0
    asked: list[int] = field(default_factory=list, compare=False)
    fails_from: int = 99

    @property
    def columns(self) -> tuple[Column, ...]:
        return (COLUMN,)

    @property
    def fingerprint(self) -> str:
        return fingerprint(Plain(scale=self.scale))

    def annotate(self, pools: Sequence[Pool]) -> Floats:
        self.asked.append(sum(len(pool) for pool in pools))
        if len(self.asked) >= self.fails_from:
            raise RuntimeError("out of paper")
        rows = [[self.scale * len(text)] for pool in pools for text in pool.texts]
        return np.array(rows, dtype=np.float32).reshape(-1, 1)


@dataclass(frozen=True)
class Plain:
    scale: float


def letters(pools: Sequence[Pool]) -> list[int]:
    return [len(text) for pool in pools for text in pool.texts]


def run(pools: Sequence[Pool], cache: Path, **annotators: Annotator) -> Floats:
    return annotate_all(pools, annotators, cache, chunk=5, quiet=True).values


def test_a_second_run_measures_nothing(tmp_path: Path) -> None:
    first, second = Counting(), Counting()
    before, after = run(POOLS, tmp_path, mine=first), run(POOLS, tmp_path, mine=second)
    assert sum(first.asked) == len(letters(POOLS))
    assert second.asked == []
    np.testing.assert_array_equal(before, after)
    assert before[:, 0].tolist() == letters(POOLS)


def test_a_changed_annotator_measures_its_own_columns_only(tmp_path: Path) -> None:
    run(POOLS, tmp_path, mine=Counting(), yours=Counting())
    mine, yours = Counting(scale=2.0), Counting()
    found = run(POOLS, tmp_path, mine=mine, yours=yours)
    assert (sum(mine.asked), yours.asked) == (len(letters(POOLS)), [])
    np.testing.assert_array_equal(found[:, 0], 2 * found[:, 1])


def test_new_pools_are_measured_alone(tmp_path: Path) -> None:
    run(POOLS[:15], tmp_path, mine=Counting())
    more = Counting()
    assert run(POOLS, tmp_path, mine=more)[:, 0].tolist() == letters(POOLS)
    assert sum(more.asked) == len(letters(POOLS[15:]))


@dataclass(frozen=True, kw_only=True)
class Point(Counting):
    """Gives a point of three coordinates."""

    @property
    def columns(self) -> tuple[Column, ...]:
        return (replace(COLUMN, width=3),)

    def annotate(self, pools: Sequence[Pool]) -> Floats:
        return np.repeat(super().annotate(pools), 3, axis=1) * np.array([1, 2, 3], dtype=np.float32)


def test_coordinates_of_a_point_are_columns_of_their_own_and_kept_whole(tmp_path: Path) -> None:
    for _ in range(2):
        found = annotate_all(POOLS, {"mine": Point(), "yours": Counting()}, tmp_path, chunk=5, quiet=True)
        assert found.columns == ("mine.letters#0", "mine.letters#1", "mine.letters#2", "yours.letters")
        np.testing.assert_array_equal(found.values, np.outer(letters(POOLS), [1, 2, 3, 1]))


def test_a_failure_keeps_what_was_measured_before(tmp_path: Path) -> None:
    with pytest.raises(BlendError, match=r"annotator 'mine' failed .*out of paper.*kept"):
        run(POOLS, tmp_path, mine=Counting(fails_from=3))
    again = Counting()
    assert run(POOLS, tmp_path, mine=again)[:, 0].tolist() == letters(POOLS)
    assert sum(again.asked) == len(letters(POOLS[10:]))


KILLED = """
import os, signal, sys
from pathlib import Path
from typing import Any
from tests.training.test_annotate import Counting, POOLS, run

class Killed(Counting):
    def annotate(self, pools):
        if len(self.asked) == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().annotate(pools)

run(POOLS, Path(sys.argv[1]), mine=Killed())
"""


def test_what_was_unknown_and_should_not_be_is_measured_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = Counting.annotate

    def silent_of_day_3(self: Counting, pools: Sequence[Pool]) -> Floats:
        down = np.array(["day 3 " in pool.dialog.texts[0] for pool in pools for _ in pool.texts])
        return np.where(down[:, None], np.float32(np.nan), answer(self, pools))

    with monkeypatch.context() as patched:
        patched.setattr(Counting, "annotate", silent_of_day_3)
        before = annotate_all(POOLS, {"count": Counting()}, tmp_path, quiet=True)
    counting = Counting()
    after = annotate_all(POOLS, {"count": counting}, tmp_path, quiet=True)
    assert np.isnan(before.values).any() and not np.isnan(after.values).any()
    assert sum(counting.asked) == len(POOLS[3])


@pytest.mark.slow
def test_a_kill_loses_one_chunk_at_most(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    ended = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], cwd=root, env=dict(os.environ), check=False)
    assert ended.returncode == -signal.SIGKILL
    again = Counting()
    assert run(POOLS, tmp_path, mine=again)[:, 0].tolist() == letters(POOLS)
    assert sum(again.asked) == len(letters(POOLS[10:]))


def test_a_candidate_left_out_costs_nothing_where_candidates_are_judged_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ONE_BY_ONE", frozenset({"alone"}))
    run(POOLS, tmp_path, alone=Counting(), together=Counting())
    fewer = [Pool(dialog=pool.dialog, candidates=pool.candidates[::-1][:2]) for pool in POOLS]
    alone, together = Counting(), Counting()
    found = run(fewer, tmp_path, alone=alone, together=together)
    assert alone.asked == []
    assert sum(together.asked) > 0
    assert found[:, 0].tolist() == found[:, 1].tolist() == letters(fewer)


def test_the_same_pool_twice_is_measured_once(tmp_path: Path) -> None:
    for name in ("mine", "length"):
        counting = Counting()
        found = run([POOLS[3], POOLS[3]], tmp_path, **{name: counting})
        assert found[:, 0].tolist() == letters([POOLS[3], POOLS[3]])
        assert sum(counting.asked) == len(POOLS[3])


@pytest.mark.parametrize("name", ["length", "overlap", "rarity"])
def test_those_said_to_judge_one_by_one_do(name: str) -> None:
    assert name in ONE_BY_ONE
    annotator = ANNOTATORS.build(name)
    alone = [Pool(dialog=pool.dialog, candidates=(candidate,)) for pool in POOLS for candidate in pool.candidates]
    np.testing.assert_array_equal(annotator.annotate(POOLS), annotator.annotate(alone))


def test_the_matrix_is_that_of_serving(tmp_path: Path) -> None:
    pools = [
        Pool.of("Hi!", [Candidate(text="Hello.", features={"price": 2.0}), Candidate(text="Hi there, how are you?")]),
        *POOLS[:6],
    ]
    annotators = {name: ANNOTATORS.build(name) for name in ("rarity", "length")}
    served = annotate(pools, annotators).matrix
    for _ in range(2):
        found = annotate_all(pools, annotators, tmp_path, chunk=2, quiet=True)
        assert (found.columns, found.group_sizes) == (served.columns, served.group_sizes)
        np.testing.assert_array_equal(found.values, served.values)


def test_no_pools_and_empty_pools(tmp_path: Path) -> None:
    assert run([], tmp_path, length=ANNOTATORS.build("length")).shape == (0, 4)
    empty = Pool(dialog=Dialog.of("Hi!"))
    assert run([empty, POOLS[0]], tmp_path, mine=Counting()).shape == (1, 1)


def test_keys_tell_apart_all_that_an_annotator_can_read() -> None:
    plain = Candidate(text="Yes.")
    dialog = Dialog.of(["Hi!", "Hello.", "Tea?"])
    others = [
        Candidate(text="Yes!"),
        Candidate(text="Yes.", source="other"),
        Candidate(text="Yes.", rank=1),
        Candidate(text="Yes.", matched="Coffee?"),
        Candidate(text="Yes.", evidence=("Tea is hot.",)),
        Candidate(text="Yes.", features={"price": 1.0}),
        Candidate(text="Yes.", stored={"f:toxicity.toxic": 0.1}),
    ]
    keys = {candidate_key(dialog, candidate) for candidate in [plain, *others]}
    contexts = [
        dialog,
        Dialog.of(["Tea?"]),
        Dialog.of(dialog.turns, facts=["I like tea."]),
        Dialog.of(dialog.turns, locale="ru"),
    ]
    keys |= {candidate_key(context, plain) for context in contexts[1:]}
    assert len(keys) == 8 + 3
    assert candidate_key(Dialog.of(dialog.turns, id="another name"), plain) == candidate_key(dialog, plain)
    assert pool_key(Pool.of(dialog, ["a", "b"])) != pool_key(Pool.of(dialog, ["b", "a"]))


def test_a_file_that_is_no_cache_is_named(tmp_path: Path) -> None:
    cache = FeatureCache.of(tmp_path, "mine", "f" * 16, 1)
    cache.path.write_text("not a database, " * 100)
    with pytest.raises(BadInput, match=r"mine-f+\.sqlite is no feature cache"):
        cache.get([b"key"])


def test_a_full_disk_is_not_taken_for_a_broken_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = FeatureCache.of(tmp_path, "mine", "f" * 16, 1)
    connect = sqlite3.connect

    def full(*given: Any, **more: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*given, **more)
        connection.execute("PRAGMA max_page_count = 1")
        return connection

    monkeypatch.setattr(sqlite3, "connect", full)
    with pytest.raises(BadInput, match=r"cannot be used now \(database or disk is full\)"):
        cache.put({b"key": np.zeros((1, 1), np.float32)})
