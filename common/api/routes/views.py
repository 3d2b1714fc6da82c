"""What clients read: the JSON of every answer, with a word on each field."""

from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny

from common.base.errors import ErrorBody
from common.contract import Kind
from common.contract.fields import PRIORITIES, Priority
from common.contract.kind import main_file, routed
from common.contract.work import Adjustment, Resolved, ResultShown
from common.jobs.estimates.views import EtaView
from common.jobs.model import Job, Progress
from common.jobs.states import JobState
from common.jobs.stored import StoredState

_PRIORITY_NAMES = {steps: name for name, steps in PRIORITIES.items()}


class ErrorView(BaseModel):
    """Every error has this shape."""

    error: ErrorBody


ERROR_CONTENT = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorView"}}}
"""For routes that answer a stream: a ``model`` would be described as one, as the answer is."""


class Links(BaseModel):
    """Where to go from a job; and to each of its files, where that one may be missing: null."""

    model_config = ConfigDict(extra="allow")

    self: str
    cancel: str


class StoredView(BaseModel):
    """Files of a job in an S3 bucket."""

    state: StoredState = Field(description="`pending` until all of them are there.")
    bucket: str
    key: str = Field(description="Of the main file; the others have names beside it.")
    refused: str | None = Field(
        None, description="Why the main file does not have the name that was asked for."
    )


class JobView(BaseModel):
    """A job: what was asked, what it became, how far it is, and how it ended."""

    id: str
    model: str
    batch: str | None = Field(None, description="The batch that it is a part of.")
    state: JobState
    progress: Progress
    priority: Priority = Field("normal", description="As it was asked for.")
    queue_position: int | None = Field(None, description="Jobs ahead of it, while queued.")
    eta: EtaView | None = Field(None, description="When it will be done; null once it has ended.")
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    requested: dict[str, Any] = Field(description="The request as it was sent.")
    resolved: SerializeAsAny[Resolved] = Field(description="Exactly what the model makes.")
    adjustments: tuple[Adjustment, ...] = Field(description="What was changed, and why.")
    cached_from: str | None = Field(None, description="The job that made the same before.")
    attempts: int
    result: SerializeAsAny[ResultShown] | None = None
    error: ErrorBody | None = None
    kept: bool = Field(False, description="Its files stay, however old: `POST /jobs/{id}/keep`.")
    expires_at: datetime | None = Field(None, description="When its files will be too old.")
    expired_at: datetime | None = Field(None, description="When its files were removed.")
    stored: StoredView | None = Field(
        None, description="Its files in a bucket; null where none gets them."
    )
    links: Links


class JobListView(BaseModel):
    """One page of jobs."""

    jobs: list[JobView]
    next_cursor: str | None = Field(None, description="Pass as `cursor` for the next page.")


class MemoryEstimate(BaseModel):
    """Bytes: for the weights, and on top of them while the job runs."""

    load_bytes: int
    run_bytes: int
    total_bytes: int = Field(description="Asked of the pool at once.")
    capacity_bytes: int = Field(description="The most that one job can get on this machine.")
    measured: bool = Field(description="This shape has run here before; else it is an estimate.")


class DryRunView(BaseModel):
    """What a request would become, and cost; nothing was queued."""

    dry_run: bool = True
    requested: dict[str, Any]
    resolved: SerializeAsAny[Resolved]
    adjustments: tuple[Adjustment, ...]
    memory: MemoryEstimate | None = Field(description="Null until the checkpoint is on disk.")
    seconds: float | None = Field(description="Null until a job has been measured here.")
    eta: EtaView = Field(description="When it would be done, were it sent now.")
    cached_from: str | None = Field(None, description="The job that made it before: all is there.")
    notes: tuple[str, ...] = Field((), description="What shows when it is made only, and why.")


def job_view(
    kind: Kind,
    job: Job,
    live: Progress | None = None,
    position: int | None = None,
    eta: EtaView | None = None,
) -> JobView:
    """A job as clients see it; ``live`` is newer than the row."""
    return JobView(
        id=job.id,
        model=job.model,
        batch=job.batch,
        state=job.state,
        progress=_with_eta(progress_of(job, live), eta),
        priority=_PRIORITY_NAMES.get(job.priority, "normal"),
        queue_position=position,
        eta=eta,
        created_at=_moment(job.created_at),
        started_at=_moment(job.started_at),
        finished_at=_moment(job.finished_at),
        requested=job.requested,
        resolved=job.resolved,
        adjustments=job.adjustments,
        cached_from=job.result and job.result.cached_from,
        attempts=job.attempts,
        result=kind.result_view.model_validate(job.result.model_dump()) if job.result else None,
        error=job.error,
        kept=bool(job.kept),
        expires_at=_moment(job.expires_at),
        expired_at=_moment(job.gone_at),
        stored=_stored(kind, job),
        links=_links(kind, job),
    )


def _stored(kind: Kind, job: Job) -> StoredView | None:
    if job.stored is None:
        return None
    stored, key = job.stored, job.stored.key_of(main_file(kind, job.result).name)
    refused = stored.refused and f"Another object has the name {stored.refused}: it stays as it is."
    return StoredView(state=stored.state, bucket=stored.bucket, key=key, refused=refused)


def _links(kind: Kind, job: Job) -> Links:
    base, there = f"/jobs/{job.id}", job.gone_at is None
    files = {
        file.route: f"{base}/{file.route}" if there and file.made(job.result) else None
        for file in routed(kind, job.result)
        if file.route is not None
    }
    return Links(self=base, cancel=f"{base}/cancel", **files)


def progress_of(job: Job, live: Progress | None) -> Progress:
    """How far a job is: what its worker said last, or at its end what was recorded."""
    return live if live and not job.ended else job.progress


def _with_eta(progress: Progress, eta: EtaView | None) -> Progress:
    """The worker knows what is left of its phase; the estimate, what is left of the job."""
    if progress.phase is None or eta is None or eta.seconds_left is None:
        return progress
    return progress.model_copy(update={"seconds_left": eta.seconds_left})


def _moment(seconds: float | None) -> Any:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
