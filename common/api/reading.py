"""A job as a client reads it now: the row, what the worker said last, its place, its end."""

from collections.abc import Sequence

from common.api.service import Service
from common.api.views import JobView, job_view
from common.jobs.model import Job, Progress
from common.jobs.states import JobState


async def view_of(service: Service, job_id: str) -> JobView:
    """Read a job. Raises JobNotFound."""
    store = service.queue.store
    job = await service.queue.call(store.get, job_id)
    position = None
    if job.state is JobState.QUEUED:
        position = await service.queue.call(store.position, job)
    return (await views_of(service, [job], position))[0]


async def views_of(
    service: Service, jobs: Sequence[Job], position: int | None = None
) -> list[JobView]:
    """The views of jobs that were read already; the line is looked at once for all."""
    etas = await service.forecasts.of(jobs)
    live = service.supervisor.live | _held(service, jobs)
    return [job_view(job, live.get(job.id), position, etas.get(job.id)) for job in jobs]


def _held(service: Service, jobs: Sequence[Job]) -> dict[str, Progress]:
    """Queued jobs begin only when the volumes are well: then they say so."""
    queued = [job for job in jobs if job.state is JobState.QUEUED]
    unwell = service.volumes.known_unwell() if queued else None
    if unwell is None:
        return {}
    held = {"waiting_for": unwell.body.message}
    return {job.id: job.progress.model_copy(update=held) for job in queued}
