"""The job store, for asyncio: blocking calls run in threads, so that none stalls the loop."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import ParamSpec, TypeVar

from common.base.errors import StoreUnavailable
from common.jobs.lanes import ANSWER_SECONDS, Lane
from common.jobs.model import Job, NewJob
from common.jobs.store import JobStore

P = ParamSpec("P")
R = TypeVar("R")

READERS = 2
"""Threads that read: a long read, as of ``/metrics``, leaves one for the others."""


class JobQueue:
    """Durable queue of one service.

    One thread writes, not several: SQLite has one writer, and queueing here is fairer and faster
    than polling for its lock. Reads have their own, and go on while a write waits.

    Whatever is asked is answered within five seconds, if only by StoreUnavailable. A call that was
    given up may still come to its end: its job is then there, and ``Idempotency-Key`` finds it.
    """

    owner = ""
    """Whose new jobs are; nobody's where there are no keys."""
    sees_all = True
    """Whether the jobs of every owner are here."""

    def __init__(self, store: JobStore, max_queue: int, max_of_owner: int = 0) -> None:
        self.store = store
        self.limits = (max_queue, max_of_owner)
        """Unfinished jobs in all, and of one owner (0: no limit)."""
        self._pending: list[tuple[NewJob, asyncio.Future[Job]]] = []
        self._flushing: asyncio.Task[None] | None = None
        self._writer = Lane("job-store", 1)
        self._readers = Lane("job-reads", READERS)

    async def submit(self, job: NewJob) -> Job:
        """Accept a job; it is on disk when this returns. Raises QueueFull and the store's own.

        Jobs that arrive while another commit is under way share the next one: a commit waits for
        the disk, and sixteen clients should not wait for it one after the other.
        """
        accepted: asyncio.Future[Job] = asyncio.get_running_loop().create_future()
        self._pending.append((job, accepted))
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush())
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await accepted
        except TimeoutError:
            raise StoreUnavailable from None

    async def _flush(self) -> None:
        while self._pending:
            batch = [(job, accepted) for job, accepted in self._pending if not accepted.done()]
            self._pending = []
            if not batch:  # their clients have had their answer
                return
            jobs = [job for job, _ in batch]
            outcomes: Sequence[Job | Exception]
            try:
                outcomes = await self.call(self.store.submit, jobs, *self.limits)
            except Exception as exc:  # each of the clients gets it; none is left waiting
                outcomes = [exc] * len(batch)
            for (_, accepted), outcome in zip(batch, outcomes, strict=True):
                _settle(accepted, outcome)

    async def call(self, method: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run one of the store's methods, after those that were asked for before."""
        return await self._writer.run(partial(method, *args, **kwargs))

    async def read(self, method: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a method that writes nothing, beside those that write."""
        return await self._readers.run(partial(method, *args, **kwargs))

    async def visible(self, job_ids: Collection[str]) -> Collection[str]:
        """Those of some jobs that may be named here; of all services of this machine."""
        return job_ids

    def close(self) -> None:
        """Finish what was begun, and let go of the database; what hangs is left to itself."""
        ended = [lane.close() for lane in (self._writer, self._readers)]
        if all(ended):
            self.store.close()


class OwnersQueue(JobQueue):
    """A queue as one owner has it: their new jobs bear their name, and a view may hide the rest."""

    def __init__(self, queue: JobQueue, owner: str, *, sees_all: bool) -> None:
        self.store = queue.store if sees_all else queue.store.seen_by(owner)
        self._queue = queue
        self.sees_all = sees_all
        self.owner = owner
        self.limits = queue.limits
        self._writer, self._readers = queue._writer, queue._readers

    async def submit(self, job: NewJob) -> Job:
        return await self._queue.submit(job.model_copy(update={"owner": self.owner}))

    async def visible(self, job_ids: Collection[str]) -> Collection[str]:
        if self.sees_all or not job_ids:
            return job_ids
        return await self.read(self.store.known, job_ids)

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
