"""``GET /jobs/{id}/preview``: what a job's product looks like while it is made."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel

from common.api.routes.acting import find
from common.api.routes.views import ErrorView, JobView
from common.api.service import Service, service_of
from common.base.errors import NoPreview
from common.jobs.states import JobState

router = APIRouter(prefix="/jobs", tags=["Jobs"])

_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/jpeg": {}}, "description": "The newest one."},
    404: {"model": ErrorView, "description": "No such job, or it has no preview now."},
}


class PreviewView(BaseModel):
    """A new preview, as the event stream tells it."""

    step: int
    url: str


def preview_view(job: JobView) -> PreviewView:
    """Of a job that has one; the step in the URL keeps browsers from showing an old one."""
    step = job.progress.preview or 0
    return PreviewView(step=step, url=f"/jobs/{job.id}/preview?step={step}")


@router.get(
    "/{job_id}/preview",
    response_class=Response,
    responses=_RESPONSES,
    summary="A look at what is being made",
)
async def preview(
    job_id: str,
    service: Annotated[Service, Depends(service_of)],
    step: Annotated[
        int | None, Query(description="Ignored: it is always the newest. For caches.")
    ] = None,
) -> Response:
    """A small JPEG, rough, every `PREVIEW_EVERY` steps of a running job.

    `progress.preview` names its step. It is gone when the job ends.
    """
    del step
    job = await find(service, job_id)
    running = job.state is JobState.RUNNING
    jpeg = await run_in_threadpool(service.storage.previews.read, job.id) if running else None
    if jpeg is None:
        raise NoPreview(
            f"The job is {job.state}, and has no preview now.",
            param="id",
            hint="A running job has one after some denoising steps, unless PREVIEW_EVERY is 0; "
            "a completed one has its files.",
        )
    return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": "no-store"})
