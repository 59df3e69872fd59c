from __future__ import annotations

import threading

from blender.faults import Runner


def test_results_and_faults_are_kept_apart() -> None:
    outcome = Runner(part="source").run({"good": lambda: 1, "bad": lambda: 1 // 0}, timeout=5)
    assert outcome.results == {"good": 1}
    assert [str(fault) for fault in outcome.faults] == [
        "source bad raised: ZeroDivisionError: integer division or modulo by zero"
    ]


def test_a_call_that_hangs_is_left_behind_and_threads_do_not_pile_up() -> None:
    release = threading.Event()
    runner = Runner(part="annotator", patience=2)
    calls = {"slow": release.wait, "good": lambda: True}
    reasons = [runner.run(calls, timeout=0.05).faults[0].reason for _ in range(4)]
    assert reasons == ["late", "late", "busy", "busy"]
    release.set()
    for thread in threading.enumerate():
        if thread.name == "blender-annotator-slow":
            thread.join(5)
    assert runner.run(calls, timeout=5).results == {"slow": True, "good": True}


def test_a_timeout_of_the_plugins_own_is_a_raise_not_a_delay() -> None:
    def impatient() -> None:
        raise TimeoutError("the server did not answer")

    fault = Runner(part="source").run({"api": impatient}, timeout=5).faults[0]
    assert (fault.reason, fault.detail) == ("raised", "TimeoutError: the server did not answer")
