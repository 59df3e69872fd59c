"""One request to a chat-completions server, made again where that may help; every attempt is over when its time is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Thread
from typing import Any

from blender.errors import BlendError

_PAUSE = 0.5  # seconds before the second attempt where the server names none; twice as long before each further one
_FOR_NOW = (408, 409, 429)
_LONGEST = 16 * 2**20  # bytes; hundreds of answers are a hundredth of that


@dataclass(kw_only=True)
class Attempts:
    """A request that is made up to ``1 + retries`` times.

    Attributes:
        seconds: for an attempt and the pause after it, by the clock.
        retries: how often it is made again that was refused for now (429, 5xx), hung or was cut off.
        once: the most that one attempt may cost.
        longest_pause: seconds that a server may ask for; what is left of ``seconds`` if not given.
        costs: of each attempt so far; ``once`` unless it was refused, as an answer that never came may have been paid
            for.
    """

    seconds: float
    retries: int
    once: float
    longest_pause: float | None = None
    costs: list[float] = field(default_factory=list)

    def answer(self, opened: Callable[[float], Any]) -> bytes:
        """The body of the answer.

        Args:
            opened: makes the request with a limit in seconds on every wait of its own; gives a context manager of a
                response of ``openai`` that is read bit by bit.

        Raises:
            TimeoutError: the last attempt took too long; `openai.APITimeoutError` may come instead.
            ConnectionError: its answer was cut off.
            openai.APIStatusError: it was refused, for good or for longer than there is time.
            openai.OpenAIError: it could not be made.
            BlendError: the answer has no end.
        """
        import openai

        while True:
            by, last = time.perf_counter() + self.seconds, len(self.costs) == self.retries
            self.costs.append(self.once)
            try:
                return _in_time(lambda by=by: _body(opened, by), by)  # type: ignore[misc]
            except openai.APIStatusError as fault:
                self.costs[-1] = 0.0
                asked_for, left = _asked_for(fault), by - time.perf_counter()
                longest = left if self.longest_pause is None else self.longest_pause
                if last or not _for_now(fault) or (asked_for or 0) > longest:
                    raise
                self._pause(longest, asked_for)
            except (TimeoutError, ConnectionError, openai.APIConnectionError):
                if last:
                    raise
                self._pause(by - time.perf_counter())

    def _pause(self, longest: float, asked_for: float | None = None) -> None:
        pause = _PAUSE * 2 ** (len(self.costs) - 1) if asked_for is None else asked_for
        time.sleep(max(0.0, min(pause, longest)))


def _in_time(read: Callable[[], bytes], by: float) -> bytes:
    """What ``read`` gives by then; later it is left to itself, since no limit on single waits holds for their sum."""
    done: Future[bytes] = Future()

    def run() -> None:
        try:
            done.set_result(read())
        except BaseException as fault:  # told to who waits
            done.set_exception(fault)

    Thread(target=run, name="api-attempt", daemon=True).start()
    return done.result(max(0.0, by - time.perf_counter()))


def _body(opened: Callable[[float], Any], by: float) -> bytes:
    with opened(max(0.001, by - time.perf_counter())) as response:
        chunks: Iterator[bytes] = response.iter_bytes()
        found: list[bytes] = []
        size = 0
        while time.perf_counter() < by:
            try:
                chunk = next(chunks, None)
            except Exception as fault:  # of httpx, which openai has under more than one name
                raise ConnectionError(f"the answer was cut off: {fault}") from fault
            if chunk is None:
                return b"".join(found)
            found.append(chunk)
            size += len(chunk)
            if size > _LONGEST:
                raise BlendError(
                    f"an answer of more than {_LONGEST:,} bytes came; lower max_tokens or k, or see what answers"
                )
    raise TimeoutError


def _for_now(fault: Any) -> bool:
    told = fault.response.headers.get("x-should-retry")
    return told != "false" and (told == "true" or fault.status_code in _FOR_NOW or fault.status_code >= 500)


def _asked_for(fault: Any) -> float | None:
    """Seconds that a server asks to be left alone for; ``None`` if it names no number."""
    for name, unit in (("retry-after-ms", 1000), ("retry-after", 1)):
        with suppress(KeyError, ValueError):
            return max(0.0, float(fault.response.headers[name]) / unit)
    return None
