from __future__ import annotations

import sys

import msgspec
import pytest

from blender.features import ANNOTATORS
from blender.serving.cli import main
from blender.serving.features_command import columns


def test_every_column_of_every_annotator_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["features"]) == 0
    shown = capsys.readouterr().out
    assert columns().keys() >= {"length.words", "perplexity.conditional", "toxicity.toxic"}
    assert {name.partition(".")[0] for name in columns()} == set(ANNOTATORS) - {"source"}, "whose columns labels name"
    assert "source.NAME" in shown
    assert all(name in shown for name in columns())
    assert max(map(len, shown.splitlines())) <= 100


def test_json_lines_say_unit_direction_meaning_and_nan(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["features", "--json"]) == 0
    rows = [msgspec.json.decode(line) for line in capfdbinary.readouterr().out.splitlines()]
    assert [row["name"] for row in rows] == list(columns())
    assert all(row[key].strip() for row in rows for key in ("unit", "direction", "meaning", "missing"))


def test_listing_loads_no_model(capsys: pytest.CaptureFixture[str]) -> None:
    import subprocess

    code = (
        "import sys; from blender.serving.cli import main; main(['features'])\n"
        "print(sorted({'torch', 'transformers', 'onnxruntime', 'faiss'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
