from __future__ import annotations

from pathlib import Path

import pytest

from blender.assembly import assemble
from blender.errors import BadInput, UnknownName
from blender.settings import PRESETS, Settings


@pytest.mark.parametrize("preset", sorted(path.stem for path in PRESETS.glob("*.toml")))
def test_every_preset_can_be_read(preset: str) -> None:
    assert Settings.find(preset).sources
    assert not Settings.find(preset).network, "nothing is downloaded unless somebody asks for it"


LENGTHS = {f"length.{name}" for name in ("words", "characters", "sentences", "question")}


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"bundel": "x"}, UnknownName, "did you mean 'bundle'"),
        ({"timeout": "soon"}, BadInput, r"Expected `float`, got `str` - at `\$.timeout`"),
        ({"locale": "english"}, BadInput, "locale 'english' is no tag of a language; give one such as en, ru"),
        ({"last_resort": {"en": "a\0b"}}, BadInput, r"last_resort \(en\) holds a NUL character"),
        ({"last_resort": {"english": "Sorry?"}}, BadInput, "last_resort: locale 'english' is no tag of a language"),
        ({"min_sensible": 2.0, "timeout": 0.0}, BadInput, "between 0 and 1, is 2.0\ntimeout must be more than 0"),
        ({"timeout": float("nan")}, BadInput, r"at most a day \(86400\), is nan"),
        ({"timeout": float("inf")}, BadInput, r"at most a day \(86400\), is inf"),
        ({"max_characters": 0}, BadInput, "max_characters must be at least 1, is 0"),
    ],
)
def test_bad_settings_are_refused_with_the_way_out(
    given: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Settings.of(given)


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("bundle = [")
    with pytest.raises(BadInput, match=r"mine\.toml cannot be read as TOML"):
        Settings.find(tmp_path / "mine.toml")


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('bundle = "fast"', encoding="utf-8-sig")
    assert Settings.find(tmp_path / "mine.toml").bundle == "fast"


def test_an_unknown_blender_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UnknownName, match="did you mean 'default'"):
        Settings.find("defalt")


def test_a_bundle_is_looked_for_beside_its_settings(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "bundle.json").write_text("{}")
    (tmp_path / "mine.toml").write_text('bundle = "mine"')
    assert Settings.find(tmp_path / "mine.toml").bundle_folder() == tmp_path / "mine"


def test_bases_and_documents_are_looked_for_beside_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my-base").mkdir()
    (tmp_path / "my-base" / "manifest.json").write_text("{}")
    (tmp_path / "demo").mkdir()
    (tmp_path / "mine.toml").write_text(
        '[sources.faq]\nuse = "retrieval"\nbase = "my-base"\n[sources.two]\nbase = "demo"'
    )
    monkeypatch.chdir("/")
    found = Settings.find(tmp_path / "mine.toml").sources
    assert (found["faq"]["base"], found["two"]["base"]) == (str(tmp_path / "my-base"), "demo")


def test_whatever_a_source_a_guard_or_a_rule_reads_is_looked_for_beside_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("tuned", "lora", "smol"):
        (tmp_path / name).mkdir()
    (tmp_path / "words.txt").write_text("heck")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "bundle.json").write_text("{}")
    (tmp_path / "mine.toml").write_text(
        """
        ranker = {use = "lamda", bundle = "mine"}
        guards = {block_list = {file = "words.txt"}}
        [sources]
        retrieval = {heads = "tuned"}
        generator = {adapter = "lora", prompt_heads = "tuned", model = "smol"}
        api = {base_url = "http://localhost:8000/v1", model = "smol"}
        """
    )
    monkeypatch.chdir("/")
    found = Settings.find(tmp_path / "mine.toml")
    here = {name: str(tmp_path / name) for name in ("tuned", "lora", "smol", "words.txt", "mine")}
    assert found.ranker["bundle"] == here["mine"]
    assert found.guards["block_list"]["file"] == here["words.txt"]
    assert found.sources["retrieval"]["heads"] == here["tuned"]
    assert found.sources["generator"] == {"adapter": here["lora"], "prompt_heads": here["tuned"], "model": here["smol"]}
    assert found.sources["api"]["model"] == "smol", "the server's name of it"


@pytest.mark.parametrize("more", [{}, {"length_free": True}])
def test_a_rule_by_a_column_that_is_none_is_refused(more: dict[str, bool]) -> None:
    given = {"use": "best_feature", "column": "length.wrods", **more}
    with pytest.raises(UnknownName, match=r"'length\.wrods'; did you mean 'length\.words'"):
        assemble(Settings(ranker=given, guards={}))
    assert assemble(Settings(ranker={**given, "column": "user.anything"}, guards={})).columns.keys() <= LENGTHS


def test_a_bundle_that_is_not_there_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UnknownName, match=r"unknown bundle .*'defalt'; did you mean 'default'"):
        Settings.of({"bundle": "defalt"}).bundle_folder()


@pytest.mark.parametrize("k", [0, 2.0, True])
def test_so_many_candidates_are_no_request_to_a_source(k: object) -> None:
    with pytest.raises(BadInput, match="k of source 'canned' must be a whole number of at least 1"):
        assemble(Settings.of({"sources": {"canned": {"k": k}}, "ranker": {"use": "rrf"}, "guards": {"empty": {}}}))


@pytest.mark.parametrize("column", ["length.wrods", "length", "length.words~z"])
@pytest.mark.parametrize("length_free", [False, True])
def test_one_column_that_nobody_measures_cannot_decide(column: str, length_free: bool) -> None:
    """With every gap filled alike the first candidate would always win, and nobody be told."""
    ranker = {"use": "best_feature", "length_free": length_free}
    with pytest.raises(UnknownName, match=r"unknown column \(for the ranker\) 'length.*did you mean 'length.words'"):
        assemble(Settings.of({"ranker": ranker | {"column": column}, "guards": {}}))
    assemble(Settings.of({"ranker": ranker | {"column": "user.price"}, "guards": {}}))


def test_no_answer_of_last_resort_is_empty() -> None:
    with pytest.raises(BadInput, match="none that is empty"):
        Settings.of({"last_resort": {"en": "", "ru": "Не знаю."}})


def test_a_folder_called_as_a_packaged_bundle_is_not_taken_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "default").mkdir()
    monkeypatch.chdir(tmp_path)
    folder = Settings.of({"bundle": "default"}).bundle_folder()
    assert folder is not None and (folder / "bundle.json").is_file()
    (tmp_path / "default" / "bundle.json").write_text("{}")
    assert Settings.of({"bundle": "default"}).bundle_folder() == Path("default"), "a bundle of one's own goes first"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ({"use": "canned", "answers": {}}, r"\[sources\.mine\]: settings of source 'canned': "),
        ({"use": "retrieval", "base": "demo", "on": "foo"}, r"'foo'.*\(accepted: context, reply, both\)"),
        ({"use": "api"}, "http://localhost:8000/v1; api needs model"),
    ],
)
def test_what_is_wrong_with_a_source_says_which_and_what_is_accepted(source: dict[str, object], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        assemble(Settings.of({"bundle": "fast", "sources": {"mine": source}}))
