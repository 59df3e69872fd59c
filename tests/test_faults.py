from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from blender.faults import Runner


def test_results_and_faults_are_kept_apart() -> None:
    outcome = Runner(part="source").run({"good": lambda: 1, "bad": lambda: 1 // 0}, timeout=5)
    assert outcome.results == {"good": 1}
    assert [str(fault) for fault in outcome.faults] == [
        "source bad raised: ZeroDivisionError: integer division or modulo by zero"
    ]


def test_what_a_server_said_is_one_harmless_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    def refused() -> None:
        raise RuntimeError("no\x1b]0;title\x07 \x9b2J\u202e\nWARNING all is well")

    (fault,) = Runner(part="source").run({"bad": refused}, timeout=5).faults
    assert caplog.messages == [str(fault)] == ["source bad raised: RuntimeError: no ]0;title 2J WARNING all is well"]
    assert "\x1b]0;title" in fault.detail


def test_a_call_that_hangs_is_left_behind_and_threads_do_not_pile_up() -> None:
    release = threading.Event()
    runner = Runner(part="annotator", patience=2)
    calls = {"slow": release.wait, "good": lambda: True}
    reasons = [runner.run(calls, timeout=0.05).faults[0].reason for _ in range(4)]
    assert reasons == ["late", "late", "busy", "busy"]
    release.set()
    until = time.perf_counter() + 5
    while runner._hanging["slow"] and time.perf_counter() < until:
        time.sleep(0.01)
    assert runner.run(calls, timeout=5).results == {"slow": True, "good": True}


def test_quick_calls_share_a_thread_which_stays_for_the_next_call() -> None:
    runner = Runner(part="annotator")
    calls = dict.fromkeys("abc", threading.get_ident)
    runner.run(calls, timeout=5)
    time.sleep(0.05)  # until all have put themselves back
    threads = set(runner.run(calls, timeout=5).results.values()) | set(runner.run(calls, timeout=5).results.values())
    assert len(threads) == 1


def test_a_quick_call_that_hangs_costs_those_behind_it_nothing() -> None:
    release = threading.Event()
    runner = Runner(part="annotator")
    calls: dict[str, Callable[[], object]] = {"first": lambda: 1, "second": lambda: 2, "third": lambda: 3}
    runner.run(calls, timeout=5)
    outcome = runner.run({**calls, "first": release.wait}, timeout=1)
    assert outcome.results == {"second": 2, "third": 3}
    assert [(fault.name, fault.reason) for fault in outcome.faults] == [("first", "late")]
    release.set()


def test_a_timeout_of_the_plugins_own_is_a_raise_not_a_delay() -> None:
    def impatient() -> None:
        raise TimeoutError("the server did not answer")

    fault = Runner(part="source").run({"api": impatient}, timeout=5).faults[0]
    assert (fault.reason, fault.detail) == ("raised", "TimeoutError: the server did not answer")
