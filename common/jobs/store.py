"""The durable job store, as its users see it. One implementation: ``common.jobs.sql``."""

from collections.abc import Sequence
from typing import Protocol

from common.base.errors import ErrorBody, VideosDGXError
from common.contract import Adjustment, JobResult, Resolved
from common.jobs.batch_store import BatchStore
from common.jobs.custody import Custody
from common.jobs.figures import Figured
from common.jobs.model import Job, JobPage, KeyUse, NewJob, Progress, Statistics
from common.jobs.ordering import Ordering
from common.jobs.outbox import Outbox
from common.jobs.pausing import Pausing
from common.jobs.pipeline_store import PipelineStore
from common.jobs.repeats import Repeats
from common.jobs.retention import Retention
from common.jobs.states import Event, JobState
from common.jobs.stored import Uploads

CURSOR_PATTERN = "^[0-9]{1,18}$"
"""More digits would not fit the column."""


class JobStore(
    BatchStore,
    PipelineStore,
    Outbox,
    Figured,
    Custody,
    Retention,
    Pausing,
    Ordering,
    Repeats,
    Uploads,
    Protocol,
):
    """Jobs that survive anything. Every method is one transaction and may be called by any thread.

    Methods that take a ``token`` change nothing, and say so, when the job was claimed anew since.

    Raises (any method):
        StoreUnavailable: the database does not answer.
        StorageFull: the database's disk is full; nothing was changed.
    """

    def seen_by(self, owner: str) -> "JobStore":
        """The same store for one owner: the jobs of others are not there, in any method.

        But for what is said of the queue as a whole: ``position``, ``statistics``, ``figures`` and
        the limits.
        """

    def submit(
        self, new: Sequence[NewJob], max_unfinished: int, max_of_owner: int = 0
    ) -> list[Job | VideosDGXError]:
        """Accept jobs, in order; they are on disk when this returns, and their keys with them.

        A job whose key has made one before is answered with that one, under its own id. One like
        which its owner has had one made is held (``repeats.is_held``), for who asked to give it
        those files and its end, or to release it. Refused
        jobs are answered with the error that their client gets: ``QueueFull`` where
        ``max_unfinished`` jobs of this model are unfinished, or ``max_of_owner`` (0: no limit) of
        the same owner, else as ``made_with`` raises it.
        """

    def made_with(self, owner: str, use: KeyUse) -> Job | None:
        """The job that a client's key has made; None for a key that is new, or was kept too long.

        Raises:
            KeyReused: it came with another request.
            JobConflict: its job was deleted.
        """

    def get(self, job_id: str) -> Job:
        """Read one job. Raises JobNotFound."""

    def page(
        self,
        *,
        states: Sequence[JobState] = (),
        batch: str | None = None,
        cursor: str | None = None,
        limit: int = 20,
        oldest_first: bool = False,
    ) -> JobPage:
        """List jobs, newest first or oldest first; of one batch, where it is named.

        Raises:
            InvalidRequest: the cursor is not one.
        """

    def cancel(self, job_id: str) -> Job:
        """Cancel: at once when queued, else ``cancelling`` until its worker confirms.

        Raises:
            JobNotFound, JobConflict: unknown, or ended otherwise.
        """

    def delete(self, job_id: str) -> Job:
        """Forget an ended job, but for that it was removed: its files may go.

        Raises JobNotFound, JobConflict while it is unfinished.
        """

    def claim(self, worker: str) -> Job | None:
        """Take the first queued job under a fresh token; counts an attempt.

        The first by rank: the order of arrival, moved by ``priority``, or where it was moved to.
        """

    def claim_more(
        self, worker: str, head: Job, limit: int, accepted_before: float | None = None
    ) -> list[Job]:
        """Take up to ``limit`` more jobs to make together with ``head``, each with its own token.

        Only those that stand at the very front of the queue now, without a gap: the first job of
        another shape ends the batch, as does one that must be alone, or one that was not accepted
        before a moment (seconds since the epoch). So nobody is overtaken. Counts an attempt each.
        """

    def advance(self, job_id: str, token: str, event: Event) -> JobState | None:
        """Apply WAIT, LOAD or RUN; answer the new state, None when it was not allowed."""

    def heartbeat(self, job_id: str, token: str, progress: Progress) -> JobState | None:
        """Show life and progress; answer the job's state, None when the token is old."""

    def amend(
        self, job_id: str, token: str, resolved: Resolved, adjustments: Sequence[Adjustment]
    ) -> bool:
        """Record what became of a held job's request. False when the token is old."""

    def complete(self, job_id: str, token: str, result: JobResult) -> bool:
        """Record the result. False: cancelled or claimed anew meanwhile; the file must go."""

    def fail(
        self, job_id: str, token: str, error: ErrorBody, progress: Progress | None = None
    ) -> JobState | None:
        """End the job with its reason (``cancelled`` if that was asked before)."""

    def release(
        self, job_id: str, token: str, progress: Progress | None = None, *, alone: bool = False
    ) -> JobState | None:
        """Put the job back into the queue and give the attempt back; a cancelled one ends.

        ``alone``: it is not fused again.
        """

    def claimed(self, worker: str | None = None) -> list[Job]:
        """List the jobs that a worker holds; of one worker, or of all."""

    def expel(self, job: Job, reason: str, max_attempts: int) -> JobState | None:
        """Take a job from a dead worker: back to the queue, or failed after ``max_attempts``.

        Nobody knows which job of a fused batch took the worker down: each gets its attempt back,
        and is alone from then on.
        """

    def has_work(self, worker: str) -> bool:
        """Whether there is something for this worker: queued jobs, or its own unfinished ones."""

    def position(self, job: Job) -> int:
        """Count the queued jobs that come before this one."""

    def statistics(self) -> Statistics:
        """Totals over all jobs that there have been; those that were removed stay counted."""

    def close(self) -> None:
        """Let go of all connections."""
