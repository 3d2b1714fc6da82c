"""The jobs in a worker's hands: from their claim until it lets go of them."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from common.base.errors import StoreUnavailable, VideosDGXError
from common.base.logs import get_logger
from common.contract.messages import JobLeft, JobProgress
from common.jobs.deadline import within
from common.jobs.model import Job, Progress
from common.jobs.store import JobStore
from common.publishing.volumes import Volumes
from common.worker.context import RunningJob
from common.worker.control import Control
from common.worker.previews import Previews

log = get_logger("worker")

GIVE_BACK_SECONDS = 8.0
"""For all jobs of a worker that has lost its API process: it holds memory that others want."""


class Hands:
    """Claims and counts what is held. ``running`` may be read by any thread."""

    def __init__(
        self,
        store: JobStore,
        worker: str,
        control: Control,
        previews: Callable[[str], Previews],
        volumes: Volumes,
    ) -> None:
        """``previews``: those of one attempt at a job, by its id."""
        self._volumes = volumes
        self._said: str | None = None
        self._in_doubt = False
        """A claim was not answered; it may have been made all the same."""
        self._store = store
        self._worker = worker
        self._control = control
        self._previews = previews
        self._claiming = threading.Lock()
        self.running: tuple[RunningJob, ...] = ()

    @property
    def head(self) -> RunningJob | None:
        """The job that was claimed first."""
        return next(iter(self.running), None)

    def claim(self) -> RunningJob | None:
        """Take the first job of the queue."""
        return next(iter(self._take(self._claimed)), None)

    def claim_more(
        self, head: RunningJob, limit: int, accepted_before: float | None
    ) -> tuple[RunningJob, ...]:
        """Take those behind ``head`` that can be made with it: see ``JobStore.claim_more``."""
        more = (self._worker, head.job, limit, accepted_before)
        return self._take(lambda: self._store.claim_more(*more))

    def let_go(self, running: RunningJob) -> None:
        """The worker is done with a job, whatever became of it."""
        if running in self.running:
            self.running = tuple(other for other in self.running if other is not running)
            self._control.report(JobLeft(job_id=running.job.id))

    def let_go_of_all(self) -> None:
        """The worker is done with everything that it held."""
        for running in self.running:
            self.let_go(running)

    def cancel(self, job_id: str) -> None:
        """A client cancelled a job; nothing happens where it is not held."""
        for running in self.running:
            if running.job.id == job_id:
                running.cancel()

    @contextmanager
    def shut(self) -> Iterator[None]:
        """Give everything back, and claim nothing while inside."""
        with self._claiming:
            try:
                with within(GIVE_BACK_SECONDS):
                    for running in self.running:
                        self._store.release(running.job.id, running.token)
            except VideosDGXError:  # the next worker of this name takes them back
                log.warning("could not give jobs back")
            yield

    def _claimed(self) -> list[Job]:
        if (unwell := self._volumes.known_unwell()) is not None:
            raise unwell
        if self._in_doubt:
            self._give_strays_back()
        job = self._store.claim(self._worker)
        return [] if job is None else [job]

    def _give_strays_back(self) -> None:
        held = {running.token for running in self.running}
        for job in self._store.claimed(self._worker):
            if job.token not in held:
                self._store.release(job.id, job.token or "")
        self._in_doubt = False

    def _take(self, claim: Callable[[], list[Job]]) -> tuple[RunningJob, ...]:
        """Under the lock, so that ``shut`` misses no claim."""
        with self._claiming:
            try:
                jobs, self._said = claim(), None
            except VideosDGXError as exc:
                self._cannot_claim(exc)
                return ()
            taken = tuple(
                RunningJob(job, self._report, previews=self._previews(job.id)) for job in jobs
            )
            self.running = (*self.running, *taken)
        if self._control.leaving:  # told so while the database was asked
            for running in taken:
                running.release()
        return taken

    def _cannot_claim(self, exc: VideosDGXError) -> None:
        """Once for each reason: it is tried again every few seconds."""
        self._in_doubt = self._in_doubt or isinstance(exc, StoreUnavailable)
        if exc.body.message != self._said:
            log.warning("cannot claim", extra={"reason": exc.body.message})
        self._said = exc.body.message

    def _report(self, job_id: str, progress: Progress) -> None:
        self._control.report(JobProgress(job_id=job_id, progress=progress))
