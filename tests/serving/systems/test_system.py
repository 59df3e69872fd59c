from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import pytest

from blender.errors import BadInput
from blender.records import Candidate, Dialog
from blender.serving.systems import kind_of
from blender.serving.systems.records import outcome
from blender.serving.systems.server import Server, open_server
from blender.serving.systems.source import open_source
from blender.serving.systems.system import open_systems, parse


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        ("default", "blender"),
        ("/some/where/mine.toml", "blender"),
        ("default#retrieval", "source"),
        ("mine.toml#assistant", "source"),
        ("file:a#b.csv", "file"),
        ("api:http://localhost:8000/v1#org/model:free", "api"),
    ],
)
def test_a_spec_shows_its_kind(spec: str, kind: str) -> None:
    assert kind_of(spec) == kind


@pytest.mark.parametrize("name", ["a", "GPT-4o.mini_2", "модель", "7"])
def test_good_names(name: str) -> None:
    assert parse([f"{name}=default"]) == {name: "default"}


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../up", "a/b", "a\\b", "-rf", "a b", "a#b", "a\nb", "x" * 65, "a\u202e"]
)
def test_a_name_that_is_no_safe_folder_is_refused(name: str) -> None:
    with pytest.raises(BadInput):
        parse([f"{name}=default"])


def test_all_wrong_specs_are_told_together() -> None:
    with pytest.raises(BadInput) as caught:
        parse(["default", "a=", "b/c=default", "d=default", "D=default", "d=default"])
    told = "\n".join(caught.value.problems)
    assert "got 'default'" in told and "got 'a='" in told and "'b/c'" in told
    assert told.count("comes twice") == 2


def test_all_systems_that_cannot_be_opened_are_told_together(settings: Path, tmp_path: Path) -> None:
    given = [f"one={settings}#polit", "two=nowhere.toml", f"three=file:{tmp_path}/no.csv", "four=api:localhost#m"]
    with pytest.raises(BadInput) as caught:
        open_systems(given, ("a",))
    told = caught.value.problems
    assert "did you mean 'polite'" in told[0] and told[0].startswith("--system one: ")
    assert "the settings file nowhere.toml cannot be read: No such file" in told[1]
    assert "cannot be read" in told[2]
    assert "base_url" in told[3] and "api:http://localhost:8000/v1#my-model" in told[3]


def test_one_source_answers_with_its_first_candidate(settings: Path) -> None:
    system = open_source("x", f"{settings}#polite", ())
    (record,) = system.answer([Dialog.of("Hi!", id="d")])
    assert (record.text, record.source, record.winner) == ("Thank you for asking!", "polite", 0)
    assert [each.text for each in record.pool] == ["Thank you for asking!", "You are welcome to it, my dear."]
    assert record.sensible is None and record.seconds["dialog"] >= 0


class Moody:
    """A source that proposes nothing, fails or answers, as the dialog's last turn says."""

    def propose(self, dialogs: Sequence[Dialog], k: int) -> list[list[Candidate]]:
        if any(dialog.last == "fail" for dialog in dialogs):
            raise RuntimeError("out of order")
        return [[] if dialog.last == "none" else [Candidate(text=dialog.last)] for dialog in dialogs]


def test_a_source_that_fails_for_one_dialog_costs_that_dialog_alone(settings: Path) -> None:
    system = open_source("x", f"{settings}#polite", ())
    system = dataclasses.replace(system, slot=dataclasses.replace(system.slot, source=Moody()))
    records = system.answer([Dialog.of(text, id=text) for text in ("one", "fail", "none", "two")])
    assert [record.text for record in records] == ["one", "", "", "two"]
    assert [outcome(record) for record in records] == ["answered", "failed", "abstained", "answered"]
    assert records[1].faults[0].detail == "RuntimeError: out of order"
    assert records[2].abstained == "polite proposed nothing"


def test_the_options_of_a_server() -> None:
    spec = "api:http://h/v1#org/m:free?price_in=0.5&price_out=1&max_tokens=9&temperature=0&parallel=2"
    source = open_server("x", spec, ()).source
    assert (source.base_url, source.model, source.price_in, source.price_out) == ("http://h/v1", "org/m:free", 0.5, 1.0)
    assert (source.max_tokens, source.temperature, source.parallel) == (9, 0.0, 2)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("api:http://h/v1", "needs model"),
        ("api:nowhere", "such as http://localhost:8000/v1; api needs model, "),
        ("api:http://h/v1#m?max_token=9", "did you mean 'max_tokens'"),
        ("api:http://h/v1#m?max_tokens=many", "max_tokens"),
        ("api:http://h/v1#m?price_in=-1", "prices"),
        ("api:http://me:secret@h/v1#m", "no password"),
        ("api:http://h/v1?key=secret#m", "options come after the model"),
        ("api:http://h/v1#m?key_env=NO_SUCH_KEY_HERE", "holds no key"),
    ],
)
def test_a_wrong_server_is_refused_before_anything_is_run(spec: str, says: str) -> None:
    with pytest.raises((BadInput, LookupError)) as caught:
        open_server("x", spec, ())
    assert says in str(caught.value)


def test_what_changes_no_answer_changes_no_fingerprint() -> None:
    def made(options: str) -> dict[str, str]:
        system = open_server("x", f"api:http://h/v1#m{options}", ())
        assert isinstance(system, Server)
        return dict(system.made_by)

    assert made("?parallel=9&price_in=3&timeout=1") == made("")
    assert made("?temperature=0") != made("")


def test_sources_of_other_settings_have_other_fingerprints(settings: Path) -> None:
    polite, curt = (open_source("x", f"{settings}#{name}", ()).made_by for name in ("polite", "curt"))
    assert polite != curt
