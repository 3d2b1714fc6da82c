"""Long work on files beside a running service: in a thread of its own, under the keeper."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from itertools import islice
from typing import TypeVar

from common.base.keeper import Keeper

T = TypeVar("T")

AT_ONCE = 100
"""What is looked at together: a few queries for many files, and little memory at any number."""
PAUSE_SECONDS = 0.005
"""After each of these steps: clients do not wait for the interpreter."""


class Stopped(Exception):
    """The service stops: what is left is done after the next start."""


@asynccontextmanager
async def chore(
    keeper: Keeper, name: str, work: Callable[[threading.Event], None]
) -> AsyncIterator[None]:
    """Do ``work`` during the block. At its end it is told to stop, and waited for.

    ``work`` blocks, looks at its event between two short steps, and may raise `Stopped` then.
    """
    stop = threading.Event()
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def once() -> None:
        with contextlib.suppress(Stopped):
            await asyncio.get_running_loop().run_in_executor(thread, work, stop)

    task = asyncio.create_task(keeper.keep(name, once))
    try:
        yield
    finally:
        stop.set()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await asyncio.to_thread(thread.shutdown)


def in_steps(things: Iterable[T], stop: threading.Event) -> Iterator[list[T]]:
    """Some at a time, as long as nobody stops it. Raises Stopped."""
    left = iter(things)
    while not stop.wait(PAUSE_SECONDS):
        if not (some := list(islice(left, AT_ONCE))):
            return
        yield some
    raise Stopped
