"""The job store, for asyncio: blocking calls run in one thread, so that none stalls the loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from common.jobs.model import Job, NewJob
from common.jobs.store import JobStore

P = ParamSpec("P")
R = TypeVar("R")


class JobQueue:
    """Durable queue of one service.

    One thread, not several: SQLite has one writer, and queueing here is fairer and faster than
    polling for its lock.
    """

    def __init__(self, store: JobStore, max_queue: int) -> None:
        self.store = store
        self._max_queue = max_queue
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="job-store")

    async def submit(self, job: NewJob) -> Job:
        """Accept a job; it is on disk when this returns. Raises QueueFull and the store's own."""
        return await self.call(self.store.submit, job, self._max_queue)

    async def call(self, method: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run one of the store's methods in the store's thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, partial(method, *args, **kwargs))

    def close(self) -> None:
        """Finish what was begun, and let go of the database."""
        self._thread.shutdown(wait=True)
        self.store.close()
