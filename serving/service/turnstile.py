"""How many are answered at once, and until when."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from fastapi import HTTPException, Request
from starlette.concurrency import run_in_threadpool

from blender.deadline import awaited, within

T = TypeVar("T")


@dataclass
class Turnstile:
    """Lets calls into threads, so many at once; those above are refused, lest all wait longer than anybody wants.

    Attributes:
        most: calls that are worked on or wait for a thread.
        deadline: seconds for calls that state none; ``None`` = as long as it takes.
    """

    most: int
    deadline: float | None = None
    _inside: int = field(default=0, init=False)

    async def run(self, call: Callable[[], T], deadline: float | None, request: Request) -> T:
        """What ``call`` gives, in a thread; the deadline counts from now, also while none is free.

        It is over when whoever sent the request leaves: nobody reads the answer, and the turn is somebody else's.

        Raises:
            BadInput: the deadline is not a number above 0.
            HTTPException: 503, too many are inside, or the server ends and waits no longer.
        """
        with within(self.deadline if deadline is None else deadline), awaited() as gone:
            if self._inside >= self.most:
                told = f"{self.most} requests are being answered; ask again in a moment"
                raise HTTPException(503, told, headers={"Retry-After": "1"})
            self._inside += 1  # the event loop's thread alone counts
            watch = asyncio.create_task(_see_off(request, gone))
            try:
                return await run_in_threadpool(call)
            except asyncio.CancelledError:
                raise HTTPException(503, "the server ends; ask again when it is back") from None
            finally:
                watch.cancel()
                self._inside -= 1


async def _see_off(request: Request, gone: threading.Event) -> None:
    """Note when whoever sent a request, whose body was read, leaves."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    gone.set()
