from __future__ import annotations

import subprocess
import sys

import pytest

WORKING = """
import time
from collections import deque
from blender.lanes import Lanes
begun = time.monotonic()
def work():
    time.sleep({seconds})
    print("done", flush=True)
Lanes(name="lane").run(deque([work]))
time.sleep(0.1)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("seconds", "said"), [(0.5, "done\n"), (3600, "")])
def test_the_end_of_the_program_waits_a_moment_for_what_is_at_work_and_not_for_ever(seconds: float, said: str) -> None:
    command = [sys.executable, "-c", WORKING.format(seconds=seconds)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert (ended.returncode, ended.stdout) == (0, said)
