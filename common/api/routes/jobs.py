"""``/jobs``: list, read, cancel, remove."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from common.api.routes.acting import cancel, remove
from common.api.routes.paging import Cursor, Limit
from common.api.routes.reading import view_of, views_of
from common.api.routes.views import ErrorView, JobListView, JobView, job_view
from common.api.service import Service, service_of
from common.jobs.states import JobState

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
    cursor: Cursor = None,
    limit: Limit = 20,
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
    return job_view(service.kind, job, service.supervisor.live.get(job_id))


@router.post("/{job_id}/keep", responses=_UNKNOWN | _CONFLICT, summary="Keep a job's files")
async def keep_job(job_id: str, service: ServiceParam) -> JobView:
    """Its files stay, however old they grow and however little room there is."""
    return await _kept(service, job_id, kept=True)


@router.delete("/{job_id}/keep", responses=_UNKNOWN | _CONFLICT, summary="Keep it no more")
async def let_job_go(job_id: str, service: ServiceParam) -> JobView:
    """Its files go when it is their time, as all others do."""
    return await _kept(service, job_id, kept=False)


async def _kept(service: Service, job_id: str, *, kept: bool) -> JobView:
    await service.queue.call(service.queue.store.keep, job_id, kept=kept)
    return await view_of(service, job_id)


@router.delete("/{job_id}", status_code=204, responses=_UNKNOWN | _CONFLICT, summary="Remove a job")
async def delete_job(job_id: str, service: ServiceParam) -> None:
    """Forget an ended job and delete its files."""
    await remove(service, job_id)
