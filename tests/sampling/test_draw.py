from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender.errors import BadInput
from blender.matrix import Floats
from blender.sampling.datasheet import as_markdown, datasheet
from blender.sampling.draw import Sample, Wanted, draw, nearest, stratum
from blender.sampling.lengths import BUCKETS, length_slice
from blender.sampling.strata import clusters_of, distinct, systematic

TOPICS = ("dogs", "films", "food", "travel")


class Topics:
    """An encoder that knows four topics and how far into the alphabet a text's letters are."""

    fingerprint = "topics"
    symmetric = True

    def encode(
        self, texts: Sequence[str], *, role: Literal["query", "passage"] = "passage", progress: str | None = None
    ) -> Floats:
        rows = [[float(topic in text) for topic in TOPICS] + list(_letters(text)) for text in texts]
        made = np.array(rows, dtype=np.float32) * ([1.5] * len(TOPICS) + [1.0] * 26)
        return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), dtype=np.float32)


def _letters(text: str) -> list[float]:
    counts = np.array([text.count(chr(ord("a") + at)) for at in range(26)], dtype=np.float64) + 0.01
    return list(counts / np.linalg.norm(counts))


def conversations(count: int = 200) -> list[dict[str, Any]]:
    """Of 2 to 13 turns, each about one topic; a seeded jumble of letters makes the turns differ."""
    random = np.random.default_rng(3)
    made = []
    for n in range(count):
        topic = TOPICS[int(random.integers(4))]
        words = ["".join(random.choice(list("abcdefghijklmnopqrstuvwxyz"), 6)) for _ in range(14)]
        made.append({"id": f"c{n}", "turns": [f"{topic} {word} {n}" for word in words[: 2 + n % 12]]})
    return made


def write(path: Path, rows: Sequence[object]) -> Path:
    path.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    return path


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return write(tmp_path / "corpus.jsonl", conversations())


def drawn(corpus: Path, **wanted: Any) -> Sample:
    return draw(corpus, Wanted(**{"n": 40, "clusters": 4, **wanted}), Topics())


def test_at_most_one_context_of_a_conversation_and_what_was_said_next(corpus: Path) -> None:
    sample = drawn(corpus)
    assert len(sample.drawn) == 40
    ids = [task.dialog.id for task in sample.drawn]
    assert len(set(ids)) == 40
    known = {row["id"]: row["turns"] for row in conversations()}
    for task in sample.drawn:
        turns = known[task.dialog.id]
        size = len(task.dialog.turns)
        assert list(task.dialog.texts) == turns[:size]
        assert task.reference == turns[size], "the last turn is never asked, its answer is not known"
        assert task.dialog.turns[-1].speaker == "human"
        assert task.slices["length"] == length_slice(size) and task.slices["language"] == "en"


def test_the_same_seed_draws_the_same_whatever_the_order_of_the_file(corpus: Path, tmp_path: Path) -> None:
    again = write(tmp_path / "turned.jsonl", conversations()[::-1])
    assert drawn(corpus).drawn == drawn(again).drawn == drawn(corpus).drawn
    other = {task.dialog.id for task in drawn(corpus, seed=1).drawn}
    assert other != {task.dialog.id for task in drawn(corpus).drawn}


def test_which_of_two_that_say_the_same_stays_does_not_hang_on_the_order_of_the_file(tmp_path: Path) -> None:
    rows = [*conversations(40), *({**row, "id": f"again {row['id']}"} for row in conversations(40))]
    wanted = Wanted(n=80, min_turns=1, max_turns=12)
    kept = [
        sorted(task.dialog.id for task in draw(write(tmp_path / f"{at}.jsonl", order), wanted, Topics()).frame)
        for at, order in enumerate((rows, rows[::-1]))
    ]
    assert kept[0] == kept[1] and len({each.startswith("again") for each in kept[0]}) == 2


def test_every_stratum_is_drawn_in_proportion(corpus: Path) -> None:
    sample = drawn(corpus)
    frame, taken = Counter(map(stratum, sample.frame)), Counter(map(stratum, sample.drawn))
    for each, size in frame.items():
        assert abs(taken[each] - 40 * size / len(sample.frame)) < 1
    by_topic = {
        cluster: {task.dialog.last.split()[0] for task in sample.frame if task.slices["cluster"] == cluster}
        for cluster in "0123"
    }
    assert all(len(topics) == 1 for topics in by_topic.values()), "clusters are the topics"
    assert len({next(iter(topics)) for topics in by_topic.values()}) == 4


def test_lengths_keep_to_their_limits(corpus: Path) -> None:
    sample = drawn(corpus, min_turns=3, max_turns=5)
    assert {len(task.dialog.turns) for task in sample.frame} == {3, 4, 5}
    short = sum(len(row["turns"]) < 4 for row in conversations())
    assert sample.dropped["no context of 3 to 5 turns that another speaker answers"] == short
    with pytest.raises(BadInput, match=r"no context of 40 to 50 turns \(200 conversations read\)"):
        drawn(corpus, min_turns=40, max_turns=50)


def test_a_script_without_dashes_is_told_how_turns_begin(tmp_path: Path) -> None:
    script = tmp_path / "script.txt"
    script.write_text("A: Hi!\nB: Hello.\n\nA: Bye!\nB: Bye.\n")
    with pytest.raises(BadInput, match=r"no conversation; .* every turn begins with '- '"):
        drawn(script)


def test_near_duplicates_are_left_out_and_counted(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "turns": ["dogs bark", "yes"]},
        {"id": "b", "turns": ["Dogs BARK!!", "no"]},
        {"id": "c", "turns": ["dogs bark bark", "no"]},
        {"id": "d", "turns": ["dogs bark?", "no"]},
        {"id": "e", "turns": ["films zzz", "no"]},
        {"id": "a", "turns": ["travel qqq", "no"]},
    ]
    sample = drawn(write(tmp_path / "corpus.jsonl", rows))
    texts = sorted(task.dialog.last.casefold() for task in sample.drawn)
    assert len(texts) == 3 and texts[-1] == "films zzz"
    assert "dogs bark?" in texts, "a question is another thing than a statement"
    assert sample.dropped == {
        "the same words as another, but for case and signs": 1,
        "the id comes a second time": 1,
        "nearly the same as another (cosine above 0.95)": 1,
    }
    assert sample.read == 6


def test_of_a_large_corpus_a_seeded_part_is_embedded_and_that_is_said(corpus: Path) -> None:
    sample = drawn(corpus, most=50)
    assert len(sample.frame) <= 50
    assert sample.dropped["beyond the 50 that are embedded, in a seeded order"] == 150
    assert {task.dialog.id for task in sample.frame} <= {task.dialog.id for task in drawn(corpus).frame}


def test_fewer_are_drawn_when_there_are_no_more(corpus: Path) -> None:
    sample = drawn(corpus, n=10_000)
    assert len(sample.drawn) == len(sample.frame) <= 200


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=200),
    st.integers(0, 250),
    st.integers(0, 199),
)
def test_no_stratum_and_no_length_misses_its_proportion_by_one(
    strata: list[tuple[int, int]], wanted: int, start: int
) -> None:
    rows = systematic(strata, wanted, start % len(strata))
    wanted = min(wanted, len(strata))
    assert len(set(rows)) == wanted and rows == sorted(rows)
    for names in ([str(each) for each in strata], [str(length) for length, _ in strata]):
        taken, sizes = Counter(names[row] for row in rows), Counter(names)
        for each, size in sizes.items():
            assert abs(taken[each] - wanted * size / len(strata)) < 1


def test_every_row_is_drawn_as_often_as_any_other() -> None:
    strata = [("short", at % 3) for at in range(30)] + [("long", at) for at in range(5)]
    times = Counter(row for start in range(35) for row in systematic(strata, 7, start))
    assert times == dict.fromkeys(range(35), 7)


def test_the_largest_cluster_is_the_first() -> None:
    vectors = np.array([[1, 0]] * 2 + [[0, 1]] * 5 + [[-1, 0]], dtype=np.float32)
    labels, nearness = clusters_of(vectors, 8, seed=0)
    assert labels.tolist() == [1, 1, 0, 0, 0, 0, 0, 2]
    assert np.allclose(nearness, 0, atol=1e-3)


def test_clusters_are_those_of_their_seed_and_numbered_by_size() -> None:
    vectors = np.random.default_rng(0).normal(size=(200, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = [clusters_of(vectors, 9, seed=seed)[0] for seed in (0, 0, 1)]
    np.testing.assert_array_equal(found[0], found[1])
    assert (found[0] != found[2]).any()
    for labels in found:
        assert (np.diff(np.bincount(labels, minlength=9)) <= 0).all()


def test_of_near_duplicates_the_first_stays() -> None:
    angles = np.deg2rad([0, 10, 20, 90])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    assert distinct(vectors, ["a"] * 4, 0.95).tolist() == [0, 2, 3]  # cos 10° is above, cos 20° below
    assert distinct(vectors, ["a", "a?", "a", "a"], 0.95).tolist() == [0, 1, 2, 3]
    assert distinct(vectors, ["a"] * 4, 1.0).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("turns", range(1, 30))
def test_every_length_has_one_bucket(turns: int) -> None:
    name = length_slice(turns)
    least, most = {"1 turn": (1, 1), "2-3 turns": (2, 3), "4-6 turns": (4, 6), "7-12 turns": (7, 12)}.get(
        name, (13, 10**9)
    )
    assert name in BUCKETS and least <= turns <= most


@pytest.mark.parametrize(
    ("wrong", "says"),
    [({"n": 0}, "at least 1"), ({"min_turns": 5, "max_turns": 4}, "min <= max"), ({"same_above": 1.2}, "cosine")],
)
def test_wrong_wishes_are_refused(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        Wanted(**wrong)


def test_the_datasheet_counts_what_there_is(corpus: Path) -> None:
    wanted = Wanted(n=40, clusters=4)
    sample = draw(corpus, wanted, Topics())
    sheet = datasheet(sample, wanted, corpus="corpus", command="blend sample", encoder="e", encoder_fingerprint="f")
    assert sum(each.drawn for each in sheet.strata) == sheet.drawn == sheet.referenced == 40
    assert sum(each.frame for each in sheet.strata) == sheet.frame == len(sample.frame)
    assert sheet.conversations == 200 and sheet.frame + sum(sheet.dropped.values()) == 200
    assert sum(pair[1] for pair in sheet.turns.values()) == 40
    assert list(sheet.turns) == sorted(sheet.turns, key=int)
    assert [each.length for each in sheet.strata] == sorted((s.length for s in sheet.strata), key=BUCKETS.index)
    assert sheet.languages == {"en": (len(sample.frame), 40)}
    assert sheet.words["drawn"] == (3, 3, 3)
    for cluster in sheet.clusters:
        assert len(cluster.examples) == 3
        assert cluster.examples[0][-1] == nearest(sample, cluster.cluster, 1)[0].dialog.last
    assert msgspec.json.decode(msgspec.json.encode(sheet), type=type(sheet)) == sheet
    assert len(sheet.corpus_fingerprint) == 64


def test_the_datasheet_is_told_to_people_in_the_order_of_lengths_and_clusters(tmp_path: Path) -> None:
    rows = conversations(80)
    corpus = write(tmp_path / "corpus.jsonl", [{**row, "turns": [f"{row['id']}?", *row["turns"]]} for row in rows])
    wanted = Wanted(n=30, clusters=12, max_turns=3)
    sample = draw(corpus, wanted, Topics())
    sheet = datasheet(sample, wanted, corpus="corpus", command="blend sample", encoder="e", encoder_fingerprint="f")
    assert [each.cluster for each in sheet.clusters] == [str(number) for number in range(12)]
    places = [(BUCKETS.index(each.length), int(each.cluster)) for each in sheet.strata]
    assert places == sorted(places)
    text = as_markdown(sheet)
    (reason,) = sheet.dropped
    for line in (
        "# Datasheet: 30 contexts of corpus",
        "| conversations read | 80 |",
        f"| frame | {sheet.frame} contexts |",
        "| drawn | 30 contexts; of 30 it is known what was said next |",
        f"| languages | en: 30 of {sheet.frame} (as stated, not detected) |",
        "| words of the last turn | drawn 1 to 3, median 3; frame 1 to 3, median 1 |",
        f"- {80 - sheet.frame}: {reason}",
        *(f"### Cluster {each.cluster}: {each.drawn} of {each.frame} drawn" for each in sheet.clusters),
    ):
        assert f"\n{line}\n" in f"\n{text}", line
    assert "Nothing." not in text


def test_texts_of_the_corpus_are_no_markup_in_the_datasheet(tmp_path: Path) -> None:
    nasty = "<script>alert(1)</script> | **dogs** [x](http://evil)\n# head"
    corpus = write(tmp_path / "corpus.jsonl", [{"turns": [nasty, "yes"]}])
    wanted = Wanted(n=1, clusters=1)
    sheet = datasheet(
        draw(corpus, wanted, Topics()), wanted, corpus="c", command="x", encoder="e", encoder_fingerprint="f"
    )
    text = as_markdown(sheet)
    assert "## Left out\n\nNothing.\n" in text
    assert r"\<script\>alert(1)\</script\> \| \*\*dogs\*\* \[x\](http://evil) \# head" in text
