from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from blender.errors import BlendError
from blender.labelling.campaign import Campaign


def test_a_campaign_that_could_not_be_written_leaves_nothing(
    campaign: Campaign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, to: Path) -> Path:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched, pytest.raises(BlendError, match="cannot be written: No space left"):
        patched.setattr(Path, "replace", full)
        campaign.save(tmp_path / "job")
    assert list((tmp_path / "job").iterdir()) == []
    assert Campaign.load(campaign.save(tmp_path / "job")) == campaign
