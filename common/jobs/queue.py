"""The job store, for asyncio: blocking calls run in one thread, so that none stalls the loop."""

import asyncio
from collections.abc import Callable, Sequence
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

    owner = ""
    """Whose new jobs are; nobody's where there are no keys."""

    def __init__(self, store: JobStore, max_queue: int, max_of_owner: int = 0) -> None:
        self.store = store
        self.limits = (max_queue, max_of_owner)
        """Unfinished jobs in all, and of one owner (0: no limit)."""
        self._pending: list[tuple[NewJob, asyncio.Future[Job]]] = []
        self._flushing: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="job-store")

    async def submit(self, job: NewJob) -> Job:
        """Accept a job; it is on disk when this returns. Raises QueueFull and the store's own.

        Jobs that arrive while another commit is under way share the next one: a commit waits for
        the disk, and sixteen clients should not wait for it one after the other.
        """
        accepted: asyncio.Future[Job] = asyncio.get_running_loop().create_future()
        self._pending.append((job, accepted))
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush())
        return await accepted

    async def _flush(self) -> None:
        while self._pending:
            batch, self._pending = self._pending, []
            jobs = [job for job, _ in batch]
            outcomes: Sequence[Job | Exception]
            try:
                outcomes = await self.call(self.store.submit, jobs, *self.limits)
            except Exception as exc:  # each of the clients gets it; none is left waiting
                outcomes = [exc] * len(batch)
            for (_, accepted), outcome in zip(batch, outcomes, strict=True):
                _settle(accepted, outcome)

    async def call(self, method: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run one of the store's methods in the store's thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, partial(method, *args, **kwargs))

    def close(self) -> None:
        """Finish what was begun, and let go of the database."""
        self._thread.shutdown(wait=True)
        self.store.close()


class OwnersQueue(JobQueue):
    """A queue as one owner has it: their new jobs bear their name, and a view may hide the rest."""

    def __init__(self, queue: JobQueue, owner: str, *, sees_all: bool) -> None:
        self.store = queue.store if sees_all else queue.store.seen_by(owner)
        self._queue = queue
        self.owner = owner
        self.limits = queue.limits
        self._thread = queue._thread

    async def submit(self, job: NewJob) -> Job:
        return await self._queue.submit(job.model_copy(update={"owner": self.owner}))

    def close(self) -> None:
        raise NotImplementedError("the queue itself is closed, not somebody's view of it")


def _settle(accepted: "asyncio.Future[Job]", outcome: Job | Exception) -> None:
    """Answer a client, unless it hung up meanwhile."""
    if accepted.done():
        return
    if isinstance(outcome, Exception):
        accepted.set_exception(outcome)
    else:
        accepted.set_result(outcome)
