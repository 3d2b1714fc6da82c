"""Threads for calls that may hang: an answer is waited for so long, and no longer.

A thread that hangs in the kernel (a dead disk, a silent network) cannot be ended. Those of a lane
are few, are nobody else's, and do not hold up the end of the process.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread, current_thread
from typing import Any, TypeVar

from common.base.errors import StoreUnavailable
from common.jobs.deadline import CALL_SECONDS, within

R = TypeVar("R")

ANSWER_SECONDS = 5.0
"""A client has its answer, or its 503, after so long."""
CLOSE_SECONDS = 5.0
"""What was begun may take so long when the service ends."""

_Call = tuple["Future[Any]", Callable[[], Any], float]


class Lane:
    """``threads`` threads that make calls in the order in which they come."""

    def __init__(self, name: str, threads: int) -> None:
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._busy_until: dict[Thread, float] = {}
        self._threads = [
            Thread(target=self._serve, name=f"{name}-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    async def run(self, work: Callable[[], R]) -> R:
        """The result of ``work``, made in one of the threads.

        Raises:
            StoreUnavailable: it has not answered within ``ANSWER_SECONDS``, or cannot begin since
                every thread hangs. What was begun may still come to its end.
        """
        if self._hangs():
            raise StoreUnavailable
        future: Future[R] = Future()
        self._calls.put((future, work, time.monotonic()))
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            raise StoreUnavailable from None

    def close(self, patience: float = CLOSE_SECONDS) -> bool:
        """Finish what was begun; False where something hangs for longer than ``patience``."""
        for _ in self._threads:
            self._calls.put(None)
        until = time.monotonic() + patience
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _hangs(self) -> bool:
        now = time.monotonic()
        late = [until for until in list(self._busy_until.values()) if until < now]
        return len(late) == len(self._threads)

    def _serve(self) -> None:
        me = current_thread()
        while (call := self._calls.get()) is not None:
            future, work, asked = call
            if not future.set_running_or_notify_cancel():  # nobody waits for it any more
                continue
            self._busy_until[me] = time.monotonic() + ANSWER_SECONDS
            try:
                future.set_result(_in_time(work, asked))
            except BaseException as exc:  # the caller's, whatever it is
                future.set_exception(exc)
            finally:
                del self._busy_until[me]


def _in_time(work: Callable[[], R], asked: float) -> R:
    """Its deadline counts from when it was asked for, waiting for a thread included."""
    seconds = asked + CALL_SECONDS - time.monotonic()
    if seconds <= 0:
        raise StoreUnavailable
    with within(seconds):
        return work()
