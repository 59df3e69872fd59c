from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from blender.reading import Task
from blender.records import Candidate, Dialog
from blender.serving.cli import main
from blender.serving.record import AnswerRecord
from blender.serving.systems.records import outcome, system_record
from blender.serving.systems.run import read_run
from blender.serving.systems.self_play import Played, safely, with_usual_slices


@dataclass
class Counting:
    """Says how many turns it saw and whose they were; silent or failing after some."""

    name: str
    silent_from: int = 99
    raises: frozenset[str] = frozenset()
    seen: list[Dialog] = field(default_factory=list)
    made_by: Mapping[str, str] = field(default_factory=dict)
    talks: bool = True

    def answer(self, dialogs: Sequence[Dialog]) -> list[AnswerRecord]:
        if any(dialog.id in self.raises for dialog in dialogs):
            raise RuntimeError("lost\n\x1b[31mfor good")
        self.seen += dialogs
        return [self._record(dialog) for dialog in dialogs]

    def _record(self, dialog: Dialog) -> AnswerRecord:
        if len(dialog.turns) >= self.silent_from:
            return system_record(dialog, (), source=self.name, abstained="silence")
        said = "".join(turn.speaker[0] for turn in dialog.turns)
        return system_record(dialog, (Candidate(text=f"{self.name} saw {said}"),), source=self.name, cost=0.5)


def task(id: str, **more: Any) -> Task:
    dialog = Dialog.of(["Hi!", "Hello.", "Well?"], id=id, facts=["I am the bot."])
    return with_usual_slices(Task(line=1, dialog=dialog, candidates=None, slices={"cluster": "1"}))


def test_the_sides_speak_in_turn_until_there_are_n_answers() -> None:
    system, partner = Counting("s"), Counting("p")
    (records,) = Played(name="s", system=system, turns=3, partner=partner).answer([task("d")])
    assert [record.id for record in records] == ["d", "d#s#2", "d#s#3"]
    assert [record.text for record in records] == ["s saw hbh", "s saw hbhbh", "s saw hbhbhbh"]
    assert [(turn.speaker, turn.text) for turn in records[2].turns[3:]] == [
        ("bot", "s saw hbh"), ("human", "p saw bhbh"), ("bot", "s saw hbhbh"), ("human", "p saw bhbhbh")
    ]  # fmt: skip
    assert [record.slices["turn"] for record in records] == ["1", "2", "3"]
    assert {record.slices["dialog"] for record in records} == {"d"}
    assert {record.slices["cluster"] for record in records} == {"1"}
    assert [record.slices["length"] for record in records] == ["2-3 turns", "4-6 turns", "7-12 turns"]
    assert len(partner.seen) == 2, "nobody need speak after the last answer"
    assert not any(dialog.facts for dialog in partner.seen), "what the bot knows the partner does not"
    assert all(dialog.facts for dialog in system.seen)
    assert records[0].notes == ["the partner's turn after it cost 0.500000"]


def test_without_a_partner_the_system_speaks_with_itself() -> None:
    system = Counting("s")
    (records,) = Played(name="s", system=system, turns=2).answer([task("d")])
    assert records[1].turns[-1].text == "s saw bhbh"


def test_a_dialog_ends_where_either_side_is_silent() -> None:
    silent_partner = Counting("p", silent_from=6)  # at its second turn
    (records,) = Played(name="s", system=Counting("s"), turns=4, partner=silent_partner).answer([task("d")])
    assert len(records) == 2
    assert "the partner did not go on: it said nothing" in records[-1].notes[-1]
    (records,) = Played(name="s", system=Counting("s", silent_from=5), turns=4, partner=Counting("p")).answer(
        [task("d")]
    )
    assert [outcome(record) for record in records] == ["answered", "abstained"]


def test_a_partner_that_fails_ends_its_dialog_alone() -> None:
    partner = Counting("p", raises=frozenset({"b#partner#1"}))
    tasks = [task("a"), task("b"), task("c")]
    made = Played(name="s", system=Counting("s"), turns=2, partner=partner).answer(tasks)
    assert [len(records) for records in made] == [2, 1, 2]
    assert "RuntimeError: lost" in made[1][0].notes[-1]


def test_a_system_that_fails_or_miscounts_costs_that_dialog_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    system = Counting("s", raises=frozenset({"b"}))
    records = safely("s", system, [task(id).dialog for id in "abc"])
    assert [outcome(record) for record in records] == ["answered", "failed", "answered"]
    assert records[1].faults[0].detail == "RuntimeError: lost\n\x1b[31mfor good"
    assert caplog.messages == ["'b' was not answered: system s raised: RuntimeError: lost [31mfor good"]

    class Short(Counting):
        def answer(self, dialogs: Sequence[Dialog]) -> list[AnswerRecord]:
            return super().answer(dialogs[:1])

    assert [outcome(each) for each in safely("s", Short("s"), [task(id).dialog for id in "ab"])] == ["answered"] * 2


def test_dialogs_together_go_as_each_would_alone() -> None:
    tasks = [task("a"), task("b")]
    together = Played(name="s", system=Counting("s"), turns=3).answer(tasks)
    alone = [Played(name="s", system=Counting("s"), turns=3).answer([each])[0] for each in tasks]
    assert together == alone


def play(dialogs: Path, out: Path, settings: Path, *more: str) -> int:
    given = ["--system", f"x={settings}#polite", "--system", f"y={settings}#curt"]
    return main(["evaluate", str(dialogs), "--out", str(out), "--turns", "3", *given, *more])


def steady(out: Path) -> list[bytes]:
    path = out / "systems" / "x" / "answers.jsonl"
    return [line.rpartition(b',"seconds":')[0] for line in path.read_bytes().splitlines()]


@pytest.mark.parametrize("lines", [0, 1, 2, 3, 4, 17, 35, 36])
def test_self_play_goes_on_at_a_whole_dialog(lines: int, dialogs: Path, settings: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert play(dialogs, out, settings, "--partner", "y") == 0
    whole = steady(out)
    assert len(whole) == 36
    answers = out / "systems" / "x" / "answers.jsonl"
    kept = answers.read_bytes().splitlines(keepends=True)
    answers.write_bytes(b"".join(kept[:lines]) + (kept[lines][:50] if lines < 36 else b""))
    assert play(dialogs, out, settings, "--partner", "y") == 0
    assert steady(out) == whole
    answered = read_run(out)
    assert [(each.dialog.id, each.system) for each in answered[:6]] == [
        ("d0", "x"), ("d0", "y"), ("d0#x#2", "x"), ("d0#y#2", "y"), ("d0#x#3", "x"), ("d0#y#3", "y")
    ]  # fmt: skip
    assert answered[2].dialog.texts[-2:] == ("Thank you for asking!", "No.")
    assert answered[2].slices["dialog"] == "d0" and answered[2].slices["turn"] == "2"


def test_other_turns_or_another_partner_are_refused(
    dialogs: Path, settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert play(dialogs, out, settings) == 0
    assert play(dialogs, out, settings, "--partner", "y") == 2
    assert "with --turns 3, now it is --turns 3 --partner y" in capsys.readouterr().err
    assert play(dialogs, out, settings, "--partner", "y", "--fresh") == 0


def test_a_file_cannot_go_on_with_a_dialog(dialogs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    predictions = tmp_path / "p.csv"
    predictions.write_text("id,text\n" + "".join(f"d{n},x\n" for n in range(12)))
    command = ["evaluate", str(dialogs), "--out", str(tmp_path / "run"), "--turns", "2"]
    assert main([*command, "--system", f"old=file:{predictions}"]) == 2
    assert "--system old: a file of predictions cannot go on with a dialog" in capsys.readouterr().err
