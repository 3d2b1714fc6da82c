"""One job as a client reads it now: the row, what the worker said last, its place in the queue."""

from common.api.service import Service
from common.api.views import JobView, job_view
from common.jobs.states import JobState


async def view_of(service: Service, job_id: str) -> JobView:
    """Read a job. Raises JobNotFound."""
    store = service.queue.store
    job = await service.queue.call(store.get, job_id)
    position = None
    if job.state is JobState.QUEUED:
        position = await service.queue.call(store.position, job)
    return job_view(job, service.supervisor.live.get(job_id), position)
