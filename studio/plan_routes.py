"""``/job/{id}``: jobs as clients of the first plan ask for them. All else is as ``/jobs/{id}``."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import Field

from common.api.routes.acting import cancel
from common.api.routes.reading import view_of
from common.api.routes.views import ErrorView, JobView
from common.api.service import Service, service_of
from common.jobs.states import JobState

router = APIRouter(tags=["Cutting room"])
ServiceParam = Annotated[Service, Depends(service_of)]
_RESPONSES: dict[int | str, dict[str, Any]] = {
    404: {"model": ErrorView, "description": "No such job."}
}

Status = Literal["queued", "processing", "completed", "failed", "cancelled"]
_STATUSES: dict[JobState, Status] = {
    JobState.QUEUED: "queued",
    JobState.COMPLETED: "completed",
    JobState.FAILED: "failed",
    JobState.CANCELLED: "cancelled",
}


class PlanView(JobView):
    """A job, and the same in the plan's words."""

    job_id: str = Field(description="As `id`.")
    status: Status = Field(description="As `state`; all that is under way is `processing`.")
    output_url: str | None = Field(None, description="As `links.download`, once there is a file.")


def planned(view: JobView) -> PlanView:
    """A job's view with the plan's fields."""
    fields = {name: getattr(view, name) for name in JobView.model_fields}
    done = view.state is JobState.COMPLETED
    return PlanView(
        **fields,
        job_id=view.id,
        status=_STATUSES.get(view.state, "processing"),
        output_url=f"/jobs/{view.id}/download" if done else None,
    )


@router.get("/job/{job_id}", responses=_RESPONSES, summary="Read a job, by the plan's name")
async def read_job(job_id: str, service: ServiceParam) -> PlanView:
    """What `GET /jobs/{id}` answers, and `job_id`, `status` and `output_url` besides."""
    return planned(await view_of(service, job_id))


@router.post(
    "/job/{job_id}/cancel", responses=_RESPONSES, summary="Cancel a job, by the plan's name"
)
async def cancel_job(job_id: str, service: ServiceParam) -> PlanView:
    """What `POST /jobs/{id}/cancel` does."""
    await cancel(service, job_id)
    return planned(await view_of(service, job_id))
