from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from blender.errors import BadInput, BadModel, BlendError
from blender.index.heads import Heads
from blender.training.tune.checkpoint import save_state
from blender.training.tune.fitting import Epoch, FitSettings, Pairs, fit_heads
from blender.training.tune.head_module import HeadModule
from blender.training.tune.losses import mean_loss

D = 16
TURN = np.linalg.qr(np.random.default_rng(5).normal(size=(D, D)))[0].astype(np.float32)
QUICK = FitSettings(epochs=6, batch=128, rate=1e-2, decay=0.01)


def turned(n: int, seed: int) -> Pairs:
    """Replies that are their contexts, turned and blurred: heads can learn the turn, the plain cosine cannot."""
    g = np.random.default_rng(seed)
    queries = g.normal(size=(n, D)).astype(np.float32)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    return Pairs(queries=queries, positives=(queries @ TURN + 0.1 * g.normal(size=(n, D))).astype(np.float32))


def recall_at_1(heads: Heads, pairs: Pairs) -> float:
    scores = heads.queries(pairs.queries) @ heads.replies(pairs.positives).T
    return float((scores.argmax(1) == np.arange(len(pairs))).mean())


START = Heads.identity(D, "made-up")


@pytest.mark.parametrize("rank", [None, 12])
def test_heads_learn_what_the_cosine_does_not_know(rank: int | None) -> None:
    settings = FitSettings(epochs=10, batch=128, rate=2e-2, decay=0.01, rank=rank)
    heads = fit_heads(turned(1500, 0), start=START, settings=settings, held_out=turned(200, 1))
    test = turned(200, 2)
    assert recall_at_1(START, test) < 0.1
    assert recall_at_1(heads, test) > 0.5


def test_what_is_interrupted_ends_as_what_is_not(tmp_path: Path) -> None:
    whole: list[Epoch] = []
    fitted = fit_heads(turned(600, 0), start=START, settings=QUICK, held_out=turned(100, 1), watch=whole.append)

    def stop(told: Epoch) -> None:
        if told.epoch == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_heads(turned(600, 0), start=START, settings=QUICK, held_out=turned(100, 1), checkpoint=tmp_path, watch=stop)
    rest: list[Epoch] = []
    again = fit_heads(
        turned(600, 0), start=START, settings=QUICK, held_out=turned(100, 1), checkpoint=tmp_path, watch=rest.append
    )
    assert rest == whole[3:]
    assert again.fingerprint == fitted.fingerprint


def test_a_checkpoint_of_other_data_is_not_taken_up(tmp_path: Path) -> None:
    told: list[Epoch] = []
    fit_heads(turned(300, 0), start=START, settings=QUICK, checkpoint=tmp_path)
    fit_heads(turned(300, 1), start=START, settings=QUICK, checkpoint=tmp_path, watch=told.append)
    assert [each.epoch for each in told] == list(range(1, QUICK.epochs + 1))


def test_a_disk_that_is_full_is_told_as_by_other_writing(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="the system limits no files")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))  # bytes
    try:
        with pytest.raises(BlendError, match="cannot be written: File too large"):
            save_state(tmp_path / "state.safetensors", {"weights": torch.zeros(3)}, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_a_broken_checkpoint_is_named(tmp_path: Path) -> None:
    fit_heads(turned(300, 0), start=START, settings=QUICK, checkpoint=tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(b"nothing")
    with pytest.raises(BadModel, match=file.name):
        fit_heads(turned(300, 0), start=START, settings=QUICK, checkpoint=tmp_path)


def test_pure_noise_leaves_the_start() -> None:
    g = np.random.default_rng(0)
    noise = [g.normal(size=(300, D)).astype(np.float32) for _ in range(4)]
    heads = fit_heads(
        Pairs(queries=noise[0], positives=noise[1]),
        start=START,
        settings=FitSettings(epochs=10, batch=100, rate=1e-2, patience=2),
        held_out=Pairs(queries=noise[2], positives=noise[3]),
    )
    # Only what still lowers the held-out loss is kept: a flatter temperature, no direction.
    assert heads.scale < START.scale
    assert recall_at_1(heads, Pairs(queries=noise[2], positives=noise[3])) < 0.05


def test_decay_pulls_to_the_start_and_not_to_zero() -> None:
    tight = FitSettings(epochs=6, batch=128, rate=1e-2, decay=90.0)
    heads = fit_heads(turned(600, 0), start=START, settings=tight)
    loose = fit_heads(turned(600, 0), start=START, settings=QUICK)
    away = [float(np.linalg.norm(each.context - START.context)) for each in (heads, loose)]
    assert away[0] < away[1] / 2


def test_equal_replies_are_not_each_others_negatives() -> None:
    pairs = turned(100, 0)
    same = Pairs(
        queries=pairs.queries,
        positives=np.repeat(pairs.positives[:1], 100, axis=0),
        ids=np.zeros(100, dtype=np.int64),
    )
    told: list[Epoch] = []
    fit_heads(same, start=START, settings=FitSettings(epochs=1, batch=50), watch=told.append)
    assert told[0].trained == pytest.approx(0, abs=1e-6)


def test_what_a_context_says_is_no_negative_of_it() -> None:
    pairs = turned(2, 0)
    module = HeadModule(START, seed=0)

    def loss(said: list[list[int]]) -> float:
        given = replace(pairs, ids=np.arange(2), said=np.array(said))
        return mean_loss(module, given, 2)

    assert loss([[1, -1], [0, -1]]) == pytest.approx(0, abs=1e-6)
    assert loss([[-1, -1], [1, -1]]) == loss([[-1], [-1]]) > 0.1


def test_a_hard_negative_is_pushed_away() -> None:
    pairs = turned(400, 0)
    hard = Pairs(queries=pairs.queries, positives=pairs.positives, negatives=pairs.queries[:, None, :].copy())

    def echo(given: Pairs) -> float:
        heads = fit_heads(given, start=START, settings=replace(QUICK, batch=8))
        return float((heads.queries(pairs.queries) * heads.replies(pairs.queries)).sum(1).mean())

    assert echo(hard) < echo(pairs) - 0.05


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_good(tmp_path: Path) -> None:
    pairs = turned(300, 0)
    broken = Pairs(queries=np.where(np.arange(300)[:, None] == 7, np.nan, pairs.queries), positives=pairs.positives)
    with pytest.raises(BlendError, match=r"nan.*checkpoint|nan.*fit-"):
        fit_heads(broken, start=START, settings=QUICK, checkpoint=tmp_path)
    assert list(tmp_path.glob("fit-*.safetensors"))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Pairs(queries=np.zeros((1, D), dtype=np.float32), positives=np.zeros((1, D), dtype=np.float32)),
        lambda: Pairs(queries=np.zeros((3, D), dtype=np.float32), positives=np.zeros((2, D), dtype=np.float32)),
        lambda: FitSettings(epochs=0),
        lambda: FitSettings(dropout=1.0),
        lambda: FitSettings(rank=0),
    ],
)
def test_what_cannot_be_fitted_is_refused(make: object) -> None:
    with pytest.raises(BadInput):
        make()  # type: ignore[operator]
