"""What a worker writes into the job store about the jobs in its hands, for as long as it takes.

A store that does not answer, or has no room, is no fault of the job: work goes on without it, and
an end waits to be recorded until the worker is called back.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from common.base.errors import INFRASTRUCTURE, ErrorBody, StorageUnavailable
from common.base.logs import get_logger
from common.contract import JobResult
from common.jobs.states import Event, JobState
from common.jobs.store import JobStore
from common.worker.context import RunningJob

log = get_logger("worker")

T = TypeVar("T")

FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 4.0
"""Between two tries to record an end: doubled each time, as far as this."""


@dataclass(frozen=True)
class Books:
    """Every write is under the job's own token: one that was claimed anew since is left alone.

    Raises (any method that records an end):
        StoreUnavailable, StorageFull: not recorded, and the worker was called back meanwhile.
    """

    store: JobStore
    max_attempts: int

    def advance(self, running: RunningJob, event: Event) -> bool:
        """Move on; False where the client or a newer claim got there first.

        Where the store does not answer the work goes on: its end will show whose it was.
        """
        try:
            return self.store.advance(running.job.id, running.token, event) is not None
        except INFRASTRUCTURE as exc:
            _say("a job goes on unrecorded", running, exc)
            return True

    def amend(self, running: RunningJob) -> bool:
        """Record what its request became. False: cancelled or claimed anew meanwhile."""
        job, token = running.job, running.token
        return self._patiently(
            running, lambda: self.store.amend(job.id, token, job.resolved, job.adjustments)
        )

    def complete(self, running: RunningJob, result: JobResult) -> bool:
        """Record published files. False: cancelled or claimed anew meanwhile; it must go."""
        job_id, token = running.job.id, running.token
        return self._patiently(running, lambda: self.store.complete(job_id, token, result))

    def fail(self, running: RunningJob, error: ErrorBody) -> JobState | None:
        """End it with its reason."""
        job_id, token = running.job.id, running.token
        return self._patiently(
            running, lambda: self.store.fail(job_id, token, error, running.latest)
        )

    def give_back(self, running: RunningJob, *, alone: bool = False) -> JobState | None:
        """Queue it again with its attempt; a cancelled one ends."""
        return self._patiently(running, lambda: self.give_back_now(running, alone=alone))

    def give_back_now(self, running: RunningJob, *, alone: bool = False) -> JobState | None:
        """The same without patience. Raises StoreUnavailable, StorageFull."""
        latest = running.latest
        return self.store.release(running.job.id, running.token, latest, alone=alone)

    def try_again(self, running: RunningJob, error: StorageUnavailable) -> JobState | None:
        """Queue it again without its attempt; after the last one it has failed."""
        job, most = running.job, self.max_attempts
        if job.attempts >= most:
            return self.fail(running, error.body)
        reason = error.body.message
        return self._patiently(running, lambda: self.store.expel(job, reason, most))

    def _patiently(self, running: RunningJob, call: Callable[[], T]) -> T:
        pause, said = FIRST_PAUSE_SECONDS, ""
        while True:
            try:
                return call()
            except INFRASTRUCTURE as exc:
                if exc.body.message != said:  # once for each reason
                    _say("an end waits to be recorded", running, exc)
                said = exc.body.message
                running.hold(said)
                if running.called_back(pause):
                    raise
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def _say(what: str, running: RunningJob, exc: StorageUnavailable | Exception) -> None:
    cause = str(exc.__cause__ or "")
    log.warning(what, extra={"job_id": running.job.id, "reason": str(exc), "cause": cause})
