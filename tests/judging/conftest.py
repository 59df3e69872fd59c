from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def labelled() -> Path:
    folder = (Path(__file__).resolve().parents[2] / "../shared/data/labelled").resolve()
    if not folder.is_dir():
        pytest.skip("the human-labelled sets are not beside the project (../shared/data/labelled)")
    return folder
