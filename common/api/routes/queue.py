"""``/queue``: how it stands, and to have it stand still."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from common.api.routes.memory import ADMIN
from common.api.routes.memory_views import PoolView, pool_view
from common.api.service import Service, service_of
from common.jobs.states import JobState

router = APIRouter(prefix="/queue", tags=["Jobs"])
ServiceParam = Annotated[Service, Depends(service_of)]

PAUSED = "The queue is paused; an admin resumes it (POST /queue/resume)."


class QueueView(BaseModel):
    """The queue now."""

    queued: int
    waiting: int
    running: int
    cancelling: int
    max_queue: int
    expected_wait_seconds: float | None = Field(
        description="For a job sent now; null while jobs wait of which none was measured before."
    )
    waiting_for: str | None = Field(description="Why the next job does not begin, if it waits.")
    paused_since: datetime | None = Field(None, description="Null while jobs begin.")
    pool: PoolView


@router.get("/status", summary="The queue")
async def queue_status(service: ServiceParam) -> QueueView:
    """How many jobs wait and run, and how long a new one would wait."""
    statistics = await service.queue.read(service.queue.store.statistics)
    since = await service.pauses.since(service.queue)
    count = statistics.by_state.get
    running = count(JobState.RUNNING, 0) + count(JobState.LOADING, 0)
    queued = count(JobState.QUEUED, 0)
    wait = None if since else await service.forecasts.wait_seconds()
    return QueueView(
        queued=queued,
        waiting=count(JobState.WAITING, 0),
        running=running,
        cancelling=count(JobState.CANCELLING, 0),
        max_queue=service.settings.max_queue,
        expected_wait_seconds=None if wait is None else round(wait, 1),
        waiting_for=await _reason(service, queued, paused=since is not None),
        paused_since=None if since is None else datetime.fromtimestamp(since, UTC),
        pool=await pool_view(service.pool, service.queue),
    )


@router.post("/pause", summary="Pause the queue", **ADMIN)
async def pause(service: ServiceParam) -> QueueView:
    """Jobs are accepted, what runs goes on, and nothing begins, until it is resumed.

    A restart changes nothing of it, nor does another machine on the same database.
    """
    await service.queue.call(service.queue.store.pause)
    service.pauses.forget()
    return await queue_status(service)


@router.post("/resume", summary="Resume the queue", **ADMIN)
async def resume(service: ServiceParam) -> QueueView:
    """Jobs begin again, in the order in which they stand."""
    await service.queue.call(service.queue.store.resume)
    service.pauses.forget()
    service.supervisor.wake()
    return await queue_status(service)


async def _reason(service: Service, queued: int, *, paused: bool) -> str | None:
    reasons = [progress.waiting_for for progress in service.supervisor.live.values()]
    if queued and paused:
        reasons.append(PAUSED)
    if queued and (unwell := await service.volumes.now_unwell()) is not None:
        reasons.append(unwell.body.message)
    return next(filter(None, reasons), None)
