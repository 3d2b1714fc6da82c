"""What clients read of a batch."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, Field, SerializeAsAny

from common.api.routes.views import MemoryEstimate
from common.base.errors import ErrorBody
from common.contract.messages import Progress
from common.contract.work import Adjustment, Resolved
from common.jobs.batches import Batch, Glance, Member
from common.jobs.states import ENDED, JobState

MemberState = JobState | Literal["refused", "removed"]
"""``refused`` has never been a job; ``removed`` was one that somebody deleted."""


class BatchState(StrEnum):
    """Where a batch is, by its members' jobs. The last four are ends, until a retry."""

    QUEUED = "queued"
    """No job has begun."""
    RUNNING = "running"
    """Some job has begun, and some has not ended."""
    COMPLETED = "completed"
    """Every member has its file."""
    PARTIAL = "partial"
    """Some members have their file, the others never will."""
    FAILED = "failed"
    """No member has a file."""
    CANCELLED = "cancelled"
    """No member has a file, since jobs were cancelled."""


class MemberLinks(BaseModel):
    """Where to go from a member that is a job."""

    self: str
    cancel: str
    download: str


class MemberView(BaseModel):
    """One request of a batch."""

    index: int = Field(description="Its place in the request, from 0.")
    prompt: str = Field(description="Its beginning: 200 characters.")
    job_id: str | None = Field(description="Null where the request was refused.")
    state: MemberState
    percent: float
    error: ErrorBody | None
    earlier: tuple[str, ...] = Field(description="Its failed jobs that were retried.")
    links: MemberLinks | None


class BatchLinks(BaseModel):
    """Where to go from a batch."""

    self: str
    jobs: str
    events: str
    cancel: str
    retry: str
    manifest: str
    download: str


class BatchSummary(BaseModel):
    """A batch without its members."""

    id: str
    model: str
    checkpoint: str | None = Field(None, description="Makes its jobs; a finished one names its.")
    stands_in_for: str | None = Field(None, description="The model that this checkpoint is not.")
    name: str | None
    state: BatchState
    percent: float = Field(description="Over its jobs; refused requests do not count.")
    total: int = Field(description="Members, refused ones too.")
    counts: dict[str, int] = Field(description="Members by state; states of none are left out.")
    created_at: datetime
    links: BatchLinks


class BatchView(BatchSummary):
    """A batch and its members, in the order in which they were sent."""

    members: list[MemberView]


class BatchListView(BaseModel):
    """One page of batches, newest first."""

    batches: list[BatchSummary]
    next_cursor: str | None = Field(None, description="Pass as `cursor` for the next page.")


class RefusedView(BaseModel):
    """A request of a batch that cannot be made."""

    index: int
    error: ErrorBody


class BatchRefusedView(BaseModel):
    """Nothing was queued: every request is wrong, or one is and `strict` was set."""

    error: ErrorBody
    members: list[RefusedView]


class PlannedView(BaseModel):
    """What one request would become and cost, or why it cannot be made."""

    index: int
    resolved: SerializeAsAny[Resolved] | None = None
    adjustments: tuple[Adjustment, ...] = ()
    memory: MemoryEstimate | None = None
    seconds: float | None = None
    cached_from: str | None = Field(None, description="The job that made it before.")
    error: ErrorBody | None = None


class BatchDryRunView(BaseModel):
    """What a batch would become, and cost; nothing was queued."""

    dry_run: bool = True
    jobs: int
    refused: int
    seconds: float | None = Field(description="Sum. Null until a job has been measured here.")
    video_seconds: float = Field(description="Sum: how long all that is made plays.")
    members: list[PlannedView]


def batch_view(batch: Batch, jobs: Sequence[Glance], live: Mapping[str, Progress]) -> BatchView:
    """A batch as clients see it; ``live`` is newer than the glances."""
    glances = {job.id: job for job in jobs}
    members = [
        _member_view(index, member, glances.get(member.job or ""), live)
        for index, member in enumerate(batch.members)
    ]
    counts = Counter(str(member.state) for member in members)
    percents = [member.percent for member in members if isinstance(member.state, JobState)]
    base = f"/batches/{batch.id}"
    return BatchView(
        id=batch.id,
        model=batch.model,
        name=batch.name,
        state=state_of(counts),
        percent=round(sum(percents) / len(percents), 1) if percents else 100,
        total=len(members),
        counts=dict(counts),
        created_at=datetime.fromtimestamp(batch.created_at, UTC),
        links=BatchLinks(
            self=base,
            jobs=f"/jobs?batch={batch.id}",
            **{name: f"{base}/{name}" for name in _ROUTES},
        ),
        members=members,
    )


_ROUTES = ("events", "cancel", "retry", "manifest", "download")


def _member_view(
    index: int, member: Member, job: Glance | None, live: Mapping[str, Progress]
) -> MemberView:
    state: MemberState = "refused" if member.job is None else "removed"
    percent, links = 0.0, None
    if job is not None:
        state, base = job.state, f"/jobs/{job.id}"
        percent = 100 if job.state in ENDED else live.get(job.id, job.progress).percent
        links = MemberLinks(self=base, cancel=f"{base}/cancel", download=f"{base}/download")
    return MemberView(
        index=index,
        prompt=member.prompt,
        job_id=member.job,
        state=state,
        percent=percent,
        error=job.error if job else member.error,
        earlier=member.earlier,
        links=links,
    )


def state_of(counts: Mapping[str, int]) -> BatchState:
    """The state of a batch by how many of its members are in which; removed ones do not count."""
    left = {state: count for state, count in counts.items() if count and state != "removed"}
    completed = left.get(JobState.COMPLETED, 0)
    if left.keys() - ENDED - {"refused"}:
        begun = left.keys() - {JobState.QUEUED, "refused"}
        return BatchState.RUNNING if begun else BatchState.QUEUED
    if completed == sum(left.values()):
        return BatchState.COMPLETED
    if completed:
        return BatchState.PARTIAL
    return BatchState.CANCELLED if JobState.CANCELLED in left else BatchState.FAILED


def ended(state: BatchState) -> bool:
    """Whether every job of the batch has ended."""
    return state not in (BatchState.QUEUED, BatchState.RUNNING)
