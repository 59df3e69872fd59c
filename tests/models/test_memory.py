"""What tensors leave behind goes back to the system."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

SCRIPT = """
import sys
from blender.models.memory import give_back_large
import numpy as np
mapped = give_back_large() if sys.argv[1] == "apart" else False
small, large = [], []
np.ones(3 << 20)  # glibc now keeps pieces of up to this size together
for _ in range(100):
    large.append(np.ones((2 << 20) // 8))
    small.append(bytearray(2000))  # what stays, in between
del large
pages = int(open("/proc/self/statm").read().split()[1])
print(int(mapped), pages * 4096 >> 20)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc alone")
def test_memory_of_large_pieces_goes_back_though_small_ones_lie_between() -> None:
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    found = {}
    for how, more in (
        ("apart", {}),
        ("together", {}),
        ("apart by the environment", {"MALLOC_MMAP_THRESHOLD_": "65536"}),
    ):
        call = [sys.executable, "-c", SCRIPT, how.partition(" ")[0]]
        said = subprocess.run(call, env=plain | more, capture_output=True, text=True, check=True).stdout
        found[how] = [int(each) for each in said.split()]
    assert [mapped for mapped, _ in found.values()] == [1, 0, 0]
    assert found["apart"][1] < found["together"][1] - 100, found
