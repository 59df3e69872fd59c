from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

LOAD = Path(__file__).resolve().parents[3] / "benchmarks" / "label_load.py"


@pytest.mark.slow
def test_twenty_raters_at_once_lose_no_label(tmp_path: Path) -> None:
    command = [sys.executable, str(LOAD), "--raters", "20", "--seconds", "5", "--out", str(tmp_path / "load.json")]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    found = json.loads((tmp_path / "load.json").read_text())
    assert found["lost_or_wrong"] == 0
    assert found["labels_sent"] == found["labels_found"] >= 20
    assert found["actions_sent"] == found["actions_in_history"] > found["labels_sent"]
    assert found["items_with_too_many_raters"] == 0
