"""``/queue`` in its order: to read it, and to put a job somewhere else."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import ConfigDict, Field

from common.api.auth.access import FORBIDDEN, admin_only
from common.api.bodies.json_text import StrictRoute
from common.api.routes.paging import Limit, Place
from common.api.routes.reading import view_of, views_of
from common.api.routes.views import ErrorView, JobListView, JobView
from common.api.service import Service, service_of
from common.base.errors import InvalidRequest
from common.contract.fields import worded
from common.contract.left_out import MayBeLeftOut
from common.jobs.model import JobPage
from common.jobs.ordering import Beside, Edge, Side, Spot
from common.jobs.store import JobStore

router = APIRouter(prefix="/queue", tags=["Jobs"], route_class=StrictRoute)
ServiceParam = Annotated[Service, Depends(service_of)]
JobId = Annotated[str, Field(pattern=worded(r"^\w{1,64}$", "must be the id of a job"))]

_MOVED: dict[int | str, dict[str, Any]] = {
    404: {"model": ErrorView, "description": "No such job; `param` says which of the two."},
    409: {"model": ErrorView, "description": "It is queued no longer; the message has its state."},
    **FORBIDDEN,
}


def _said(name: str) -> dict[str, Any]:
    """For the description of a body: this one is there, and not null."""
    return {"required": [name], "properties": {name: {"type": "string"}}}


class MoveBody(MayBeLeftOut):
    """A queued job, and where it is to stand: exactly one of `to`, `before` and `after`."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "oneOf": [_said("to"), _said("before"), _said("after")],
            "examples": [{"job": "4f1cb5d07ac94eb1a3d5c11f6f0c2a97", "to": "front"}],
        },
    )

    job: JobId = Field(description="The job that is moved.")
    to: Edge | None = Field(None, description="An end of the queue.")
    before: JobId | None = Field(None, description="A queued job that it is to stand right before.")
    after: JobId | None = Field(None, description="A queued job that it is to stand right after.")

    @property
    def spot(self) -> Spot:
        """Raises InvalidRequest unless exactly one is said."""
        beside = {Side.BEFORE: self.before, Side.AFTER: self.after}
        said: list[Spot] = [Beside(side, job) for side, job in beside.items() if job is not None]
        said += [] if self.to is None else [self.to]
        if len(said) == 1:
            return said[0]
        raise InvalidRequest(
            "Give exactly one of to, before and after.",
            param="to",
            hint='As in {"job": "…", "to": "front"}, or {"job": "…", "before": "…"}.',
        )


@router.get("", summary="The queue in order")
async def read_queue(
    service: ServiceParam,
    cursor: Place = None,
    limit: Limit = 20,
) -> JobListView:
    """Queued jobs in the order in which they will be made, a page at a time.

    `queue_position` counts everybody's, and the list has those that you may see.
    """
    page, places = await service.queue.read(_look, service.queue.store, cursor, limit)
    return JobListView(
        jobs=await views_of(service, page.jobs, places), next_cursor=page.next_cursor
    )


@router.post(
    "/move", dependencies=[Depends(admin_only)], responses=_MOVED, summary="Move a queued job"
)
async def move_job(body: MoveBody, service: ServiceParam) -> JobView:
    """Put it to the front, to the end, or right beside another queued job.

    All others keep their order, and a restart changes nothing of it. Jobs that are sent later get
    their ordinary place, by their time and priority. Needs the scope admin.
    """
    await service.queue.call(service.queue.store.reorder, body.job, body.spot)
    service.forecasts.changed()
    return await view_of(service, body.job)


def _look(store: JobStore, cursor: str | None, limit: int) -> tuple[JobPage, Mapping[str, int]]:
    page = store.in_order(cursor=cursor, limit=limit)
    return page, store.positions(page.jobs)
