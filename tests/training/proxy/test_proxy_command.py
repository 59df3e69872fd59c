from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from blender.errors import BadInput
from blender.training.proxy.command import app, named

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def printed(chats: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    out = tmp_path_factory.mktemp("made") / "proxy"
    few = ["--rows", "300", "--held-out", "100", "--max-words", "6", "--epochs", "2", "--no-speed"]
    result = CliRunner().invoke(app, ["train", str(chats), "--out", str(out), *few], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output, out


def test_train_prints_the_baselines_beside_the_proxy(printed: tuple[str, Path]) -> None:
    for said in ("held-out", "Spearman", "proxy", "constant", "length", "ridge on the embedding", "by words"):
        assert said in printed[0]


def test_evaluate_says_the_same(printed: tuple[str, Path], chats: Path) -> None:
    arguments = ["evaluate", str(printed[1]), str(chats), "--other", str(chats), "--no-speed"]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    row = next(line for line in printed[0].splitlines() if line.split()[:1] == ["ridge"])
    assert row.split() in [line.split() for line in result.output.splitlines()]


def test_evaluate_refuses_another_corpus(printed: tuple[str, Path], tmp_path: Path, chats: Path) -> None:
    other = tmp_path / "other.jsonl"
    other.write_text("\n".join(chats.read_text().splitlines()[::-1][:1_100]))
    with pytest.raises(BadInput, match="was not trained on these phrases"):
        CliRunner().invoke(app, ["evaluate", str(printed[1]), str(other), "--no-speed"], catch_exceptions=False)


def test_other_corpora_need_names_of_their_own() -> None:
    with pytest.raises(BadInput, match="different file names"):
        named([Path("a/x.jsonl"), Path("b/x.csv")])
