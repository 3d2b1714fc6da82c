"""``/jobs``: list, read, cancel, download, remove."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import FileResponse

from common.api.routes.acting import cancel, find, published_file, remove
from common.api.routes.file_names import video_name
from common.api.routes.kept_files import kept_file
from common.api.routes.reading import view_of, views_of
from common.api.routes.views import ErrorView, JobListView, JobView, job_view
from common.api.service import Service, service_of
from common.jobs.states import JobState
from common.jobs.store import CURSOR_PATTERN
from common.publishing.draft import THUMBNAIL, VIDEO

router = APIRouter(prefix="/jobs", tags=["Jobs"])
ServiceParam = Annotated[Service, Depends(service_of)]

_UNKNOWN: dict[int | str, dict[str, Any]] = {
    404: {"model": ErrorView, "description": "No such job."}
}
_CONFLICT: dict[int | str, dict[str, Any]] = {
    409: {"model": ErrorView, "description": "The job's state does not allow it."}
}


@router.get("", summary="List jobs")
async def list_jobs(
    service: ServiceParam,
    state: Annotated[Sequence[JobState], Query(description="Only these; may be repeated.")] = (),
    batch: Annotated[str | None, Query(description="Only the jobs of this batch.")] = None,
    cursor: Annotated[
        str | None,
        Query(description="`next_cursor` of the page before.", pattern=CURSOR_PATTERN),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> JobListView:
    """Jobs, newest first, a page at a time."""
    store = service.queue.store
    page = await service.queue.read(
        store.page, states=state, batch=batch, cursor=cursor, limit=limit
    )
    return JobListView(jobs=await views_of(service, page.jobs), next_cursor=page.next_cursor)


@router.get("/{job_id}", responses=_UNKNOWN, summary="Read a job")
async def read_job(job_id: str, service: ServiceParam) -> JobView:
    """State, progress and, at the end, the result or the reason why there is none."""
    return await view_of(service, job_id)


@router.post("/{job_id}/cancel", responses=_UNKNOWN | _CONFLICT, summary="Cancel a job")
async def cancel_job(job_id: str, service: ServiceParam) -> JobView:
    """A queued job ends at once. A running one is `cancelling` until the GPU is really free."""
    job = await cancel(service, job_id)
    return job_view(job, service.supervisor.live.get(job_id))


@router.delete("/{job_id}", status_code=204, responses=_UNKNOWN | _CONFLICT, summary="Remove a job")
async def delete_job(job_id: str, service: ServiceParam) -> None:
    """Forget an ended job and delete its files."""
    await remove(service, job_id)


_KEPT: dict[int | str, dict[str, Any]] = {
    304: {"description": "It is what `If-None-Match` or `If-Modified-Since` says."},
    410: {"model": ErrorView, "description": "The file is no longer on disk."},
    416: {"model": ErrorView, "description": "It has no such part."},
}
_MP4: dict[int | str, dict[str, Any]] = {
    200: {"content": {"video/mp4": {}}, "description": "The video."},
    206: {"content": {"video/mp4": {}}, "description": "The part that `Range` asked for."},
    **_KEPT,
}
_JPEG: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/jpeg": {}}, "description": "The thumbnail."},
    206: {"content": {"image/jpeg": {}}, "description": "The part that `Range` asked for."},
    **_KEPT,
}


@router.get(
    "/{job_id}/download",
    response_class=FileResponse,
    responses=_MP4 | _UNKNOWN | _CONFLICT,
    summary="Download the video",
)
async def download(job_id: str, request: Request, service: ServiceParam) -> Response:
    """The MP4. `Range` works, so players can seek and downloads can go on."""
    job = await find(service, job_id)
    video = await published_file(service, job, VIDEO)
    return await kept_file(request, video, "video/mp4", video_name(job))


@router.get(
    "/{job_id}/thumbnail",
    response_class=FileResponse,
    responses=_JPEG | _UNKNOWN | _CONFLICT,
    summary="The video's picture",
)
async def thumbnail(job_id: str, request: Request, service: ServiceParam) -> Response:
    """The middle frame as a JPEG, at most 512 pixels wide or high."""
    job = await find(service, job_id)
    picture = await published_file(service, job, THUMBNAIL)
    return await kept_file(request, picture, "image/jpeg")
