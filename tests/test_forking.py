"""Processes that fork, and calls that outlive the time they are given."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from blender.deadline import check, left, within
from blender.faults import Runner
from blender.models.cache import one_per_process

FORKING = """
import os, time
from blender.faults import Runner
from blender.models.cache import one_per_process
runner = Runner(part="annotator")
calls = {"a": lambda: 1, "b": lambda: 2}
for _ in range(3):
    runner.run(calls, timeout=5)
child = os.fork()
if not child:
    begun = time.perf_counter()
    outcome = runner.run(calls, timeout=20)
    print(outcome.results, outcome.faults, time.perf_counter() - begun < 5, flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_forked_process_has_threads_of_its_own() -> None:
    said = subprocess.run([sys.executable, "-c", FORKING], capture_output=True, text=True, timeout=60).stdout
    assert said == "{'a': 1, 'b': 2} () True\n"


def test_a_call_that_outlives_its_time_is_told_to_stop() -> None:
    stopped: list[float] = []
    rests: list[float | None] = []

    def works_on() -> None:
        rests.append(left())
        begun = time.perf_counter()
        try:
            while True:
                check()
                time.sleep(0.01)
        finally:
            stopped.append(time.perf_counter() - begun)

    runner = Runner(part="annotator")
    for _ in range(6):
        (fault,) = runner.run({"slow": works_on}, timeout=0.1).faults
        assert fault.reason == "late", "it never comes to be busy, for none is left behind"
        time.sleep(0.05)
    assert len(stopped) == 6 and max(stopped) < 0.5
    assert all(rest is not None and rest <= 0.1 for rest in rests)
    assert runner.run({"free": left}, timeout=None).results == {"free": None}


ENDING = """
import threading, time
from collections import deque
from blender.deadline import Late, check
from blender.lanes import Lanes
def work():
    try:
        while True:
            check()
            time.sleep(0.01)
    except Late as why:
        print(why, flush=True)
Lanes(name="lane").run(deque([work]))
time.sleep(0.1)
"""


def test_the_end_of_the_program_stops_what_asks() -> None:
    begun = time.perf_counter()
    ended = subprocess.run([sys.executable, "-c", ENDING], capture_output=True, text=True, timeout=30)
    assert (ended.returncode, ended.stdout) == (0, "the program ends\n")
    assert time.perf_counter() - begun < 10


def test_what_was_not_begun_in_time_is_not_taken_for_slow() -> None:
    runner = Runner(part="annotator")

    def works_on() -> None:
        while True:
            check()
            time.sleep(0.001)

    quick = {"a": lambda: time.sleep(0.001), "b": lambda: time.sleep(0.001)}
    runner.run(quick, timeout=5)
    usual = runner.expected("b", 1)
    for _ in range(10):
        faults = runner.run({"a": works_on, "b": quick["b"]}, timeout=0.05).faults
        assert [(fault.name, fault.reason) for fault in faults] == [("a", "late"), ("b", "late")]
    assert runner.expected("b", 1) == usual


def test_a_model_is_loaded_to_the_end_though_its_caller_gives_up() -> None:
    loads: list[float | None] = []

    @one_per_process
    def load() -> str:
        loads.append(left())
        check()
        return "model"

    with within(0.05):
        time.sleep(0.1)
        assert load() == "model"
    assert load() == "model" and loads == [None]
