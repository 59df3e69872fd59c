"""How OpenMP's threads wait for each other."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from blender.openmp import wait_briefly

GNU = sys.platform == "linux" and bool(list((Path(torch.__file__).parent / "lib").glob("libgomp*")))
SLEEPS = """
import resource, threading
import blender, torch
torch.set_num_threads(2)
left, right = torch.randn(64, 384), torch.randn(384, 384)
def work(times):
    with torch.inference_mode():
        for _ in range(times):
            (left @ right).relu_()
def counted():
    work(10)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
    work(300)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw - before)
work(10)  # this thread's team, beside that of the other one
other = threading.Thread(target=counted)
other.start()
other.join()
"""


@pytest.mark.parametrize("name", ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"])
def test_what_the_environment_says_stands(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delitem(sys.modules, "torch")
    told = {name: "1", "HOME": "here"}
    assert not wait_briefly(told)
    assert told == {name: "1", "HOME": "here"}


def test_nothing_is_said_where_it_would_not_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, str] = {}
    monkeypatch.setattr(sys, "platform", "linux")
    assert not wait_briefly(told)  # torch has read it already
    monkeypatch.delitem(sys.modules, "torch")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not wait_briefly(told)
    assert not told
    monkeypatch.setattr(sys, "platform", "linux")
    assert wait_briefly(told)
    assert told["OMP_WAIT_POLICY"] == "active"


@pytest.mark.skipif(not GNU, reason="of GNU's OpenMP alone")
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="two threads want two cores")
def test_the_threads_of_two_teams_sleep_less() -> None:
    plain = {key: value for key, value in os.environ.items() if not key.startswith(("OMP_", "GOMP_", "KMP_"))}

    def sleeps(**more: str) -> int:
        call = [sys.executable, "-c", SLEEPS]
        return int(subprocess.run(call, env=plain | more, capture_output=True, text=True, check=True).stdout)

    # Whoever else is busy on the machine makes threads sleep, so it is the best of three.
    assert min(sleeps() for _ in range(3)) < 0.75 * max(sleeps(GOMP_SPINCOUNT="300000") for _ in range(2))
