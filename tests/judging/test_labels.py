from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blender.errors import BadInput
from blender.judging.labels import read_labels
from blender.judging.scales import Quality, Scheme

ROW: dict[str, Any] = {
    "dialog_id": "d",
    "context": ["Hi!", "Hello.", "Any plans?"],
    "response": "Hiking.",
    "sensible": 1,
}


def written(folder: Path, *rows: object, name: str = "mine.jsonl") -> Path:
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    (folder / name).write_text("\n".join(lines), encoding="utf-8")
    return folder / name


def problems(folder: Path, *rows: object) -> tuple[str, ...]:
    with pytest.raises(BadInput) as fault:
        read_labels(written(folder, *rows))
    return fault.value.problems


def test_rows_of_one_dialog_make_one_pool(tmp_path: Path) -> None:
    other = {
        **ROW,
        "response": "No.",
        "sensible": 0.25,
        "source": "kv",
        "source_type": "retrieval",
        "facts": ["I hike."],
    }
    first = {**ROW, "facts": ["I hike."], "source_type": "human", "features": {"price": 2, "gap": None}}
    (pool,) = read_labels(written(tmp_path, first, other))
    assert pool.dataset == pool.family == "mine"
    assert [turn.speaker for turn in pool.pool.dialog.turns] == ["human", "bot", "human"]
    assert pool.pool.dialog.facts == ("I hike.",)
    assert pool.sensible.tolist() == [1, 0.25] and np.isnan(pool.specific).all()
    assert [c.kind for c in pool.pool.candidates] == ["human", "retrieval"]
    assert pool.pool.candidates[0].features == {"price": 2}
    assert pool.machine_only().pool.texts == ("No.",) and pool.machine_only().sensible.tolist() == [0.25]


def test_ratings_give_the_means_a_row_does_not_state(tmp_path: Path) -> None:
    ratings = [
        {"rater": "ann", "sensible": 1, "specific": 1},
        {"rater": "bob", "sensible": 0, "specific": 1},
    ]
    row = {key: ROW[key] for key in ("dialog_id", "context", "response")}
    other = {**row, "response": "No.", "ratings": [{"rater": "bob", "sensible": 1}, {"rater": "bob", "sensible": 0}]}
    (pool,) = read_labels(written(tmp_path, {**row, "ratings": ratings}, other))
    assert pool.ratings is not None and pool.ratings.raters == ("ann", "bob") and pool.ratings.named
    np.testing.assert_array_equal(pool.ratings.sensible, [[1, np.nan], [0, 0.5]])
    np.testing.assert_array_equal(pool.ratings.specific, [[1, np.nan], [1, np.nan]])
    np.testing.assert_array_equal(pool.sensible, [0.5, 0.5])
    np.testing.assert_array_equal(pool.specific, [1, np.nan])


def test_turns_may_say_whose_they_are(tmp_path: Path) -> None:
    context = [
        {"speaker": "bot", "text": "Hi."},
        {"speaker": "bot", "text": "There?"},
        {"speaker": "human", "text": "Yes"},
    ]
    (pool,) = read_labels(written(tmp_path, {**ROW, "context": context}))
    assert [turn.speaker for turn in pool.pool.dialog.turns] == ["bot", "bot", "human"]


def test_every_problem_is_listed_with_its_line(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        ROW,
        {**ROW, "sensibel": 1, "colour": "red"},
        {**ROW, "sensible": 1.2, "specific": -1},
        "{not json",
        {"dialog_id": "d", "sensible": 1},
        {**ROW, "response": 7},
        {**ROW, "response": "a\x00b"},
        {**ROW, "response": "a\ud800b"},
        {**ROW, "context": []},
        {**ROW, "context": [" "]},
        {**ROW, "context": [{"speaker": "bot", "text": "Hi."}]},
        {**ROW, "sensible": None},
        {**ROW, "sensible": float("nan")},
        "[1]",
        {**ROW, "ratings": [{"rater": "a", "sensible": 3}]},
        {**ROW, "context": ["Another"]},
        {**ROW, "source_type": "robot"},
        {**ROW, "score": "\ud800"},
    )
    by_line = [(int(text.split("line ")[1].split(":")[0]), text) for text in found]
    assert [line for line, _ in by_line] == [2, 2, 3, 3, 4, 5, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18]
    told = dict(by_line)
    assert "did you mean 'sensible'" in "".join(text for line, text in by_line if line == 2)
    for line, word in {
        3: "0..1", 4: "not JSON", 6: "got 7", 7: "NUL", 8: "surrogate",
        9: "empty", 10: "empty turn", 11: "ends with the bot", 12: "no label", 13: "nan", 14: "object",
        15: "ratings[0].sensible", 16: "another context", 17: "source_type",
        18: "surrogates not allowed",
    }.items():  # fmt: skip
        assert word in told[line], told[line]


def test_not_utf8_empty_and_absent_files(tmp_path: Path) -> None:
    (tmp_path / "latin.jsonl").write_bytes('{"dialog_id": "é"}'.encode("latin-1"))
    with pytest.raises(BadInput, match="line 1: is not UTF-8"):
        read_labels(tmp_path / "latin.jsonl")
    with pytest.raises(BadInput, match="no labelled row"):
        read_labels(written(tmp_path, ""))
    with pytest.raises(BadInput, match="cannot be read"):
        read_labels(tmp_path / "absent.jsonl")


def dstc10(folder: Path, *entries: object) -> Path:
    (folder / "track.json").write_text(json.dumps(entries))
    return folder / "track.json"


ENTRY: dict[str, Any] = {
    "dialogue_id": "x1", "model": "gpt", "context": "Hi!\nHello.\nPlans?", "response": "Hiking.", "reference": ["No."],
    "annotations": {"relevance": [5, 1], "content": [3, 3], "grammar": [1, 1]},
}  # fmt: skip


def test_dstc10_json(tmp_path: Path) -> None:
    unrated = {key: value for key, value in ENTRY.items() if key != "annotations"}
    second = {
        **ENTRY,
        "dialogue_id": "x2",
        "response": "Sleep.",
        "annotations": {"relevance": [1, 1], "content": [5, 5]},
    }
    (pool,) = read_labels(dstc10(tmp_path, ENTRY, unrated, second))
    assert pool.pool.texts == ("Hiking.", "Sleep.") and pool.pool.dialog.texts == ("Hi!", "Hello.", "Plans?")
    assert pool.sensible.tolist() == [0.5, 0] and pool.specific.tolist() == [0.5, 1]
    assert pool.ratings is not None and not pool.ratings.named
    np.testing.assert_array_equal(pool.ratings.sensible, [[1, 0], [0, 0]])


def test_dstc10_scheme_and_scale(tmp_path: Path) -> None:
    path = dstc10(tmp_path, {**ENTRY, "annotations": {"fit": [0.25]}})
    with pytest.raises(BadInput, match="none of the annotated qualities"):
        read_labels(path)
    (pool,) = read_labels(path, scheme=Scheme(overall=Quality(name="fit", low=0, high=0.5)))
    assert pool.overall.tolist() == [0.5] and pool.ratings is None
    with pytest.raises(BadInput, match=r"entry 1: 'fit' must lie in 1\.\.5, got 0\.25"):
        read_labels(path, scheme=Scheme(overall=Quality(name="fit")))
    with pytest.raises(BadInput, match="did you mean 'response'"):
        read_labels(dstc10(tmp_path, {**ENTRY, "responce": "x"}))


@pytest.mark.parametrize("text", ["[{", "[" * 9999 + "]" * 9999])
def test_what_is_no_dstc10_json_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "track.json").write_text(text)
    with pytest.raises(BadInput, match="track: neither JSON lines nor a DSTC10 JSON list"):
        read_labels(tmp_path / "track.json")


@pytest.mark.slow
def test_the_public_sets_read_as_they_are_described(labelled: Path) -> None:
    counts = {
        "dstc10-persona": (500, 4829),
        "usr-personachat": (60, 300),
        "grade": (553, 1198),
        "fed-turn-ru": (374, 375),
    }
    for name, (contexts, rows) in counts.items():
        pools = read_labels(labelled / f"{name}.jsonl")
        assert (len(pools), sum(map(len, pools))) == (contexts, rows)
    pools = read_labels(labelled / "usr-personachat.jsonl")
    assert pools[0].ratings is not None and set(pools[0].ratings.raters) <= {"shikib", "maxine", "mckenna", "yulan"}
    for pool in pools:  # the stated mean is the mean of the raters' own labels
        assert pool.ratings is not None and pool.pool.dialog.facts
        np.testing.assert_allclose(pool.ratings.sensible.mean(0), pool.sensible, atol=1e-3)
        np.testing.assert_allclose(pool.ratings.specific.mean(0), pool.specific, atol=1e-3)


@pytest.mark.slow
def test_dstc10_json_equals_the_normalised_lines(labelled: Path) -> None:
    lines = read_labels(labelled / "dstc10-persona.jsonl")
    track = read_labels(labelled.parent / "dstc10-persona/dstc10-persona_eval.json")
    assert len(track) == len(lines)
    for one, two in zip(lines, track, strict=True):
        assert one.ratings is not None and two.ratings is not None
        assert one.pool.dialog.texts == two.pool.dialog.texts and one.ratings.raters == two.ratings.raters
        np.testing.assert_allclose(one.sensible, two.sensible, atol=1e-3)
        np.testing.assert_allclose(one.specific, two.specific, atol=1e-3)


def test_a_row_for_each_rating_is_refused(tmp_path: Path) -> None:
    rows = [{**ROW, "response": f"No {at}.", "source": "a"} for at in range(8)]
    (found,) = problems(tmp_path, *rows, *rows)
    assert "16 rows hold 8 answers" in found and "as `ratings`" in found
    assert len(read_labels(written(tmp_path, *rows, rows[0]))[0]) == 9, "one that comes twice is data"
    unnamed = [{**ROW, "dialog_id": f"{at}", "response": "ok"} for at in range(20)]
    assert len(read_labels(written(tmp_path, *unnamed, *unnamed))) == 20, "two systems without names said the same"
