"""What is picked from pools, runs and labels, and that it can be labelled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from blender.engine import Blender
from blender.errors import BadInput, BlendError
from blender.labelling.campaign import Campaign
from blender.reading import Task, check_tasks, read_tasks
from blender.records import Candidate, Dialog
from blender.serving.cli import main
from blender.serving.label.next import label_next
from blender.serving.label.unlabelled import read_unlabelled

CLEAR = ["Yes.", "I walked all the way round the lake and it took me the whole afternoon."]
CLOSE = ["I like the blue boat.", "I like the old house."]
POOLS: list[dict[str, Any]] = [
    {"id": "clear", "turns": ["What did you do on Sunday?"], "candidates": CLEAR},
    {"id": "close", "turns": ["Which one do you like?"], "candidates": CLOSE, "slices": {"cluster": "3"}},
    {"id": "one", "turns": ["Anyone there?"], "candidates": ["Me."]},
    {"id": "same", "turns": ["Hello!"], "candidates": ["Hi there!", "hi there"]},
    {
        "id": "echo",
        "turns": ["Shall we go to the lake?"],
        "candidates": ["Shall we go to the lake?", "Fine, let us go."],
    },
]


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def run(what: Path, out: Path, rule: Path, **how: Any) -> list[Task]:
    """Pick, and read what was written as `blend label make` does."""
    settings = {"n": 20, "labelled": None, "contenders": False, "seed": 0} | how
    label_next(what, out, blender=str(rule), **settings)
    with out.open("rb") as lines:
        check_tasks(lines, str(out), candidates=True)
        lines.seek(0)
        return list(read_tasks(lines, str(out)))


def texts(task: Task) -> list[str]:
    return [candidate.text for candidate in task.candidates or ()]


def test_a_close_race_comes_before_a_clear_one_and_pools_without_a_choice_never(rule: Path, tmp_path: Path) -> None:
    tasks = run(written(tmp_path / "pools.jsonl", POOLS), tmp_path / "batch.jsonl", rule)
    assert [task.dialog.id for task in tasks] == ["close", "clear"]
    assert sorted(texts(tasks[0])) == sorted(CLOSE)
    assert tasks[0].slices == {"cluster": "3"}


def test_no_more_than_asked_for(rule: Path, tmp_path: Path) -> None:
    assert len(run(written(tmp_path / "pools.jsonl", POOLS), tmp_path / "batch.jsonl", rule, n=1)) == 1


def test_each_reason_has_its_column(rule: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [POOLS[0], POOLS[1] | {"turns": ["Which\x1b[31m one?"]}]
    run(written(tmp_path / "pools.jsonl", rows), tmp_path / "batch.jsonl", rule)
    said = capsys.readouterr().out
    head = next(line for line in said.splitlines() if "score" in line)
    assert head.split() == ["#", "dialog", "last", "turn", "score", "disagree", "margin", "doubt", "cover", "answers"]
    row = next(line for line in said.splitlines() if "close" in line).split()
    assert row[-8:] == ["1.00", "·", "1.00", "·", "1.00", "2", "of", "2"]  # one ranker, without heads
    assert "\x1b[31m" not in said
    assert "blend label make" in said


def test_what_is_labelled_is_not_picked_again(rule: Path, tmp_path: Path) -> None:
    done = {"dialog_id": "x", "context": ["Which one do you like?"], "response": "Both.", "sensible": 1}
    labelled = written(tmp_path / "labels.jsonl", [done])
    tasks = run(written(tmp_path / "pools.jsonl", POOLS), tmp_path / "batch.jsonl", rule, labelled=[labelled])
    assert [task.dialog.id for task in tasks] == ["clear"]


def test_a_file_of_labels_can_be_picked_from(rule: Path, tmp_path: Path) -> None:
    rows = [
        {"dialog_id": row["id"], "context": row["turns"], "response": text, "source": f"s{at}", "sensible": 0.5}
        for row in POOLS[:2]
        for at, text in enumerate(row["candidates"])
    ]
    tasks = run(written(tmp_path / "labels.jsonl", rows), tmp_path / "batch.jsonl", rule)
    assert [task.dialog.id for task in tasks] == ["close", "clear"]
    assert {candidate.source for candidate in tasks[0].candidates or ()} == {"s0", "s1"}


def test_the_hopeless_are_left_out_only_where_that_is_asked_for(rule: Path, tmp_path: Path) -> None:
    long = "It was a very long and rather slow walk along the river and over the hill to the old mill. "
    pools = [{"id": "d", "turns": ["How was it?"], "candidates": ["Good.", "Fine.", long * 2, long * 2 + "Truly."]}]
    given = written(tmp_path / "pools.jsonl", pools)
    (whole,) = run(given, tmp_path / "whole.jsonl", rule)
    (part,) = run(given, tmp_path / "part.jsonl", rule, contenders=True)
    assert len(whole.candidates or ()) == 4
    assert texts(part) == texts(whole)[:2]
    assert all(len(text) > 20 for text in texts(part))


def test_the_same_words_of_two_systems_stay_but_are_no_close_race(rule: Path, tmp_path: Path) -> None:
    twice = [{"text": CLEAR[1], "source": "a"}, {"text": CLEAR[1], "source": "b"}, {"text": "Yes.", "source": "c"}]
    rows = [{"id": "twice", "turns": ["And on Sunday?"], "candidates": twice}, POOLS[1]]
    tasks = run(written(tmp_path / "pools.jsonl", rows), tmp_path / "batch.jsonl", rule)
    assert [task.dialog.id for task in tasks] == ["close", "twice"]
    assert {candidate.source for candidate in tasks[1].candidates or ()} == {"a", "b", "c"}


def test_facts_and_the_users_own_columns_are_kept(rule: Path, tmp_path: Path) -> None:
    own = {"text": "Tea, please.", "features": {"clicks": 3.0}, "kind": "retrieval", "score": 0.5, "evidence": ["e"]}
    row = {"turns": [{"speaker": "human", "text": "Tea?"}], "facts": ["Likes tea."], "candidates": [own, "Coffee."]}
    (task,) = run(written(tmp_path / "pools.jsonl", [row, *POOLS[2:3]]), tmp_path / "batch.jsonl", rule)
    kept = next(candidate for candidate in task.candidates or () if candidate.text == "Tea, please.")
    assert task.dialog.facts == ("Likes tea.",)
    assert (kept.features, kept.kind, kept.score, kept.evidence) == ({"clicks": 3.0}, "retrieval", 0.5, ("e",))


def test_a_run_of_one_blender_can_be_picked_from(rule: Path, tmp_path: Path) -> None:
    from blender.serving.evaluate import evaluate

    evaluate(written(tmp_path / "pools.jsonl", POOLS), tmp_path / "run", bundle=str(rule), batch=8, fresh=False)
    tasks = run(tmp_path / "run", tmp_path / "batch.jsonl", rule)
    assert [task.dialog.id for task in tasks] == ["close", "clear"]


def test_a_run_of_several_systems_can_be_picked_from(rule: Path, tmp_path: Path) -> None:
    dialogs = written(tmp_path / "dialogs.jsonl", [{"id": row["id"], "turns": row["turns"]} for row in POOLS[:2]])
    systems = []
    for at, name in enumerate(("first", "second")):
        rows = [{"id": row["id"], "text": row["candidates"][at]} for row in POOLS[:2]]
        systems += ["--system", f"{name}=file:{written(tmp_path / f'{name}.jsonl', rows)}"]
    assert main(["evaluate", str(dialogs), "--out", str(tmp_path / "run"), *systems]) == 0
    tasks = run(tmp_path / "run", tmp_path / "batch.jsonl", rule)
    assert [task.dialog.id for task in tasks] == ["close", "clear"]
    assert {candidate.source for candidate in tasks[0].candidates or ()} == {"first", "second"}


def test_the_command_line_takes_all_of_it(rule: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given, out = written(tmp_path / "pools.jsonl", POOLS), tmp_path / "batch.jsonl"
    assert main(["label", "next", str(given), "--out", str(out), "-n", "1", "--blender", str(rule)]) == 0
    assert len(out.read_text().splitlines()) == 1
    capsys.readouterr()
    assert main(["label", "next", str(tmp_path), "--out", str(out), "-b", str(rule), "--overwrite"]) == 2
    assert "holds no run" in capsys.readouterr().err
    before = given.read_bytes()
    for place, said in ((out, "--overwrite"), (given, "is what is read")):
        assert main(["label", "next", str(given), "--out", str(place), "-b", str(rule)]) == 2
        assert said in capsys.readouterr().err
    assert main(["label", "next", str(given), "--out", str(given), "-b", str(rule), "--overwrite"]) == 2
    assert given.read_bytes() == before


def test_what_is_picked_becomes_a_campaign(rule: Path, tmp_path: Path) -> None:
    run(written(tmp_path / "pools.jsonl", POOLS), tmp_path / "batch.jsonl", rule)
    assert main(["label", "make", str(tmp_path / "batch.jsonl"), "--out", str(tmp_path / "job")]) == 0
    made = Campaign.load(tmp_path / "job")
    assert {item.text for item in made.items} == {*CLEAR, *CLOSE}
    assert {item.dialog.id: item.slices.get("cluster") for item in made.items} == {"close": "3", "clear": None}


def test_picking_again_gives_the_same(rule: Path, tmp_path: Path) -> None:
    rows = [{"id": f"d{at}", "turns": [f"Say {at}!"], "candidates": CLOSE} for at in range(12)]
    given = written(tmp_path / "pools.jsonl", rows)
    first, again = (run(given, tmp_path / f"{name}.jsonl", rule, n=4) for name in "ab")
    assert [task.dialog.id for task in first] == [task.dialog.id for task in again]


def test_nothing_left_is_said_and_nothing_written(rule: Path, tmp_path: Path) -> None:
    given = written(tmp_path / "pools.jsonl", POOLS[2:4])
    with pytest.raises(BadInput, match=r"nothing is left to label .* each of its 2 contexts"):
        run(given, tmp_path / "batch.jsonl", rule)
    with pytest.raises(BadInput, match="the rest are blocked"):
        run(written(tmp_path / "pools.jsonl", POOLS[4:]), tmp_path / "batch.jsonl", rule)
    assert not (tmp_path / "batch.jsonl").exists()


def test_what_is_no_run_no_pools_and_no_labels_is_refused(rule: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="holds no run"):
        run(tmp_path, tmp_path / "batch.jsonl", rule)
    bad = written(tmp_path / "pools.jsonl", [POOLS[0], {"turns": ["Hi!"]}, {"turns": [], "candidates": ["x"]}])
    with pytest.raises(BadInput) as fault:
        run(bad, tmp_path / "batch.jsonl", rule)
    assert [problem.split(": ")[0] for problem in fault.value.problems] == [f"{bad}, line 2", f"{bad}, line 3"]
    with pytest.raises(BadInput, match="cannot be read"):
        run(tmp_path / "nowhere.jsonl", tmp_path / "batch.jsonl", rule)


def test_a_place_that_cannot_be_written_is_said(rule: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BlendError, match="is a file, not a folder"):
        run(written(tmp_path / "pools.jsonl", POOLS), tmp_path / "file" / "batch.jsonl", rule)


@pytest.mark.slow
def test_with_a_trained_bundle_every_reason_is_known(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rule = tmp_path / "mine.toml"
    rule.write_text('bundle = "default"\n[guards.toxicity]\n')
    tasks = run(written(tmp_path / "pools.jsonl", POOLS), tmp_path / "batch.jsonl", rule)
    assert {task.dialog.id for task in tasks} == {"clear", "close", "echo"}  # no guard against echoes here
    table = [line for line in capsys.readouterr().out.splitlines() if line.endswith(("of 2", "of 2 "))]
    assert len(table) == 3
    assert not any("·" in line for line in table)


def test_a_log_of_choices_keeps_what_sources_said(rule: Path, tmp_path: Path) -> None:
    brought = [
        Candidate(text="Two huskies, yes.", source="faq", kind="retrieval", rank=3, score=0.5, matched="Any pets?"),
        Candidate(text="No.", source="bot", kind="generator", rank=1, score=-2.25),
    ]
    dialog = Dialog.of("Do you have pets?", facts=["I have two huskies."], locale="en-GB", id="d")
    log = tmp_path / "log"
    log.mkdir()
    (log / "answers.jsonl").write_text(json.dumps(Blender.load(rule).choose(dialog, brought).as_dict()) + "\n")
    (task,) = read_unlabelled(log, locale="ru")
    assert (task.dialog.facts, task.dialog.locale) == (dialog.facts, dialog.locale)
    assert task.candidates is not None
    kept = ("text", "source", "kind", "rank", "score", "matched")
    assert [[getattr(one, name) for name in kept] for one in task.candidates] == [
        [getattr(one, name) for name in kept] for one in brought
    ]


def test_choices_of_one_id_can_be_labelled(rule: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.mkdir()
    blender = Blender.load(rule)
    asked = ["Tea?", "Coffee?", "Milk?"]
    rows = [blender.choose(Dialog.of(each, id="chat"), CLOSE).as_dict() for each in asked]
    (log / "answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert [task.dialog.id for task in read_unlabelled(log, locale="en")] == ["chat", "chat-2", "chat-3"]
    assert len(run(log, tmp_path / "batch.jsonl", rule)) == 3
