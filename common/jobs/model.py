"""A job as everybody sees it: frozen records, read from one row."""

from typing import Any

from pydantic import BaseModel, ConfigDict, SerializeAsAny

from common.base.errors import ErrorBody
from common.contract.messages import Progress as Progress
from common.contract.work import Adjustment, JobResult, Resolved
from common.jobs.states import ENDED, JobState
from common.jobs.stored import Stored, StoredState


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class KeyUse(_Record):
    """An Idempotency-Key, and the request that it came with."""

    key: str
    fingerprint: str
    """Of the request: SHA-256, in hexadecimal."""
    seconds: float
    """How long the key is kept."""


class NewJob(_Record):
    """A job before it is accepted."""

    id: str
    model: str
    requested: dict[str, Any]
    resolved: SerializeAsAny[Resolved]
    """Of the kind's own class, as ``result`` is."""
    adjustments: tuple[Adjustment, ...] = ()
    owner: str = ""
    priority: int = 0
    """Steps ahead of the others, each worth ``schema.PLACES`` places in the queue."""
    batch: str | None = None
    """The batch that it is a part of."""
    shape: str | None = None
    """Jobs of one shape can be made together; None for those that cannot."""
    webhook: str | None = None
    """Whom to tell about the end."""
    trace: str | None = None
    """The span that asked for it (W3C ``traceparent``)."""
    key: KeyUse | None = None
    """Written with the job, into a table of its own: a job that is read has none."""
    like: str | None = None
    """A ``JobResult.fingerprint``: where its owner has files of that, it is accepted to get them.
    Not written: a job that is read has none."""
    estimated: float | None = None
    """Seconds that it was expected to take with the model loaded, when it was accepted."""


class Job(NewJob):
    """A job in the store. Times are seconds since the epoch; ``number`` is the order of arrival."""

    number: int
    state: JobState
    created_at: float
    started_at: float | None = None
    finished_at: float | None = None
    seconds: float | None = None
    """From the last claim to the end, by the worker's monotonic clock; None where nobody measured
    it: in rows of earlier versions, and where others ended a dead worker's job."""
    progress: Progress = Progress()
    attempts: int = 0
    token: str | None = None
    """Names the current claim; every write of a worker must carry it."""
    worker: str | None = None
    beats: int = 0
    """Grows with every sign of life of the worker that holds the job."""
    result: SerializeAsAny[JobResult] | None = None
    error: ErrorBody | None = None
    fused: int | None = None
    """How many jobs its last claim took to make together; None where it was alone."""
    place: float | None = None
    """Where it was moved to in the queue: it counts in place of number and priority."""
    alone: bool | None = None
    """A batch with it has failed: it is not fused again."""
    kept: bool | None = None
    """Whether somebody keeps its files, however old they grow."""
    expired_at: float | None = None
    """When its files left the disk: because of their age, number or size, or for a bucket."""
    expires_at: float | None = None
    """When they will be too old."""
    stored: Stored | None = None
    """Where a bucket has its files, or will have them."""
    unreadable: tuple[str, ...] = ()
    """Columns of its row that could not be read, whose values here stand in for them."""

    @property
    def ended(self) -> bool:
        """Whether the job is in one of its three ends."""
        return self.state in ENDED

    @property
    def in_bucket(self) -> bool:
        """Whether a bucket has all of its files."""
        return self.stored is not None and self.stored.state is StoredState.UPLOADED

    @property
    def gone_at(self) -> float | None:
        """When its files went; None while they are on disk or in a bucket."""
        return None if self.in_bucket else self.expired_at

    @property
    def duration(self) -> float | None:
        """Seconds from the last start to the end, once there is one."""
        if self.seconds is not None:
            return self.seconds
        if self.started_at is None or self.finished_at is None:
            return None
        return max(0.0, self.finished_at - self.started_at)


class Standing(_Record):
    """Where a job is now: what changes of it while it waits and runs."""

    id: str
    state: JobState
    started_at: float | None
    place: float | None
    progress: Progress

    def moved(self, job: Job) -> bool:
        """Whether the job that was read before has changed its state since, or was begun anew."""
        return (self.state, self.started_at) != (job.state, job.started_at)

    def now(self, job: Job) -> Job:
        """The job as it is now, of one that was read before."""
        if (job.state, job.started_at, job.place, job.progress) == (
            self.state,
            self.started_at,
            self.place,
            self.progress,
        ):
            return job
        return job.model_copy(update=dict(self))


class JobPage(_Record):
    """Jobs, in order; ``next_cursor`` continues the list, None at its end."""

    jobs: tuple[Job, ...]
    next_cursor: str | None


class Statistics(_Record):
    """Totals since the job table began; durations in seconds, of completed jobs."""

    by_state: dict[JobState, int]
    avg_duration_seconds: float | None
    min_duration_seconds: float | None
    max_duration_seconds: float | None
    last_10: tuple[Job, ...]
