"""What clients of OpenAI's Videos API read: jobs as videos."""

from typing import Literal

from pydantic import BaseModel, Field

from common.api.openai.waiting import reason_of
from common.api.routes.views import progress_of
from common.contract.work import Adjustment
from common.jobs.model import Job, Progress
from common.jobs.states import JobState
from common.kinds.video.jobs import resolved_of, result_of

Status = Literal["queued", "in_progress", "completed", "failed"]

_STATUS: dict[JobState, Status] = {
    JobState.QUEUED: "queued",
    JobState.WAITING: "queued",
    JobState.LOADING: "in_progress",
    JobState.RUNNING: "in_progress",
    JobState.CANCELLING: "in_progress",
    JobState.COMPLETED: "completed",
    JobState.FAILED: "failed",
    JobState.CANCELLED: "failed",
}
"""Theirs has no cancelled: their client would stop polling at a word that it does not know."""


class VideoErrorView(BaseModel):
    """Why there is no video. A cancelled job has the code ``cancelled``."""

    code: str
    message: str


class VideoView(BaseModel):
    """A job, as a video that is or will be."""

    id: str = Field(description="The id of the job, also below `/jobs`.")
    object: Literal["video"] = "video"
    model: str
    status: Status
    progress: int = Field(description="Percent.")
    created_at: int = Field(description="Seconds since 1970.")
    completed_at: int | None = Field(description="When it ended, well or not.")
    expires_at: int | None = Field(None, description="When it is removed, or was; null: it stays.")
    prompt: str
    enhanced_prompt: str | None = Field(None, description="What the model was given instead.")
    size: str = Field(description="What is really made, as in `1280x720`.")
    seconds: str = Field(description="What is really made.")
    remixed_from_video_id: str | None
    cached_from: str | None = Field(None, description="The video that was the same before.")
    error: VideoErrorView | None
    adjustments: tuple[Adjustment, ...] = Field(
        description="Where the video is not what was asked for, and why."
    )


class VideoListView(BaseModel):
    """One page."""

    object: Literal["list"] = "list"
    data: list[VideoView]
    first_id: str | None
    last_id: str | None = Field(description="Pass as `after` for the next page.")
    has_more: bool


class DeletedView(BaseModel):
    """The video and its files are gone."""

    id: str
    object: Literal["video.deleted"] = "video.deleted"
    deleted: Literal[True] = True


def video_view(job: Job, live: Progress | None = None) -> VideoView:
    """A job in their words; ``live`` is newer than the row."""
    made, result = resolved_of(job), result_of(job)
    percent = int(progress_of(job, live).percent)
    seconds = result.duration_seconds if result else made.duration
    sides = made.width * made.upscaling_scale, made.height * made.upscaling_scale
    width, height = (result.width, result.height) if result else sides
    return VideoView(
        id=job.id,
        model=job.model,
        status=_STATUS[job.state],
        progress=100 if job.state is JobState.COMPLETED else min(percent, 99),
        created_at=int(job.created_at),
        completed_at=_whole(job.finished_at),
        expires_at=_whole(job.gone_at or job.expires_at),
        prompt=made.prompt,
        enhanced_prompt=made.enhanced_prompt,
        size=f"{width}x{height}",
        seconds=f"{seconds:g}",
        remixed_from_video_id=job.requested.get("remix_of"),
        cached_from=result and result.cached_from,
        error=_error(job),
        adjustments=job.adjustments,
    )


def _whole(moment: float | None) -> int | None:
    return None if moment is None else int(moment)


def _error(job: Job) -> VideoErrorView | None:
    reason = reason_of(job)
    if reason is None:
        return None
    return VideoErrorView(code=reason.code, message=reason.in_full)
