"""A job as a client reads it now: the row, what the worker said last, its place, its end."""

from collections.abc import Collection, Mapping, Sequence

from common.api.live.feed import Sight
from common.api.routes.queue import PAUSED
from common.api.routes.views import JobView, job_view
from common.api.service import Service
from common.jobs.model import Job, Progress
from common.jobs.states import JobState
from common.jobs.store import JobStore


async def view_of(service: Service, job_id: str) -> JobView:
    """Read a job. Raises JobNotFound."""
    store = service.queue.store
    job = await service.queue.read(store.get, job_id)
    places = {}
    if job.state is JobState.QUEUED:
        places[job.id] = await service.queue.read(store.position, job)
    return (await views_of(service, [job], places))[0]


async def views_of(
    service: Service, jobs: Sequence[Job], places: Mapping[str, int] | None = None
) -> list[JobView]:
    """The views of jobs that were read already; the line is looked at once for all.

    ``places``: how many stand before a queued job, by its id, where that is to be said.
    """
    ahead = places or {}
    etas = await service.forecasts.of(jobs)
    queued = any(job.state is JobState.QUEUED for job in jobs)
    paused = await service.pauses.since(service.queue) if queued else None
    live = service.supervisor.live | _held(service, jobs, paused)
    kind = service.kind
    return [
        job_view(kind, job, live.get(job.id), ahead.get(job.id), etas.get(job.id)) for job in jobs
    ]


class Watched:
    """Jobs that are looked at again and again: of a known one only what changes is read."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._jobs: dict[str, Job] = {}

    async def look(self, job_ids: Collection[str]) -> dict[str, Sight]:
        """All of them as they are now; those that were deleted are left out."""
        service = self._service
        read, store = service.queue.read, service.queue.store
        found, places = await read(_look, store, tuple(job_ids), self._jobs)
        paused = await service.pauses.since(service.queue) if places else None
        self._jobs = {job_id: job for job_id, job in (self._jobs | found).items() if not job.ended}
        etas = await service.forecasts.of(list(found.values()))
        live = service.supervisor.live | _held(service, list(found.values()), paused)
        return {
            job_id: Sight(service.kind, job, live.get(job_id), places.get(job_id), etas.get(job_id))
            for job_id, job in found.items()
        }


def _look(
    store: JobStore, job_ids: Sequence[str], before: Mapping[str, Job]
) -> tuple[dict[str, Job], dict[str, int]]:
    standing = store.standings(job_ids)
    moved = [one.id for one in standing if one.id not in before or one.moved(before[one.id])]
    rows = store.known(moved)
    same = {one.id: one.now(before[one.id]) for one in standing if one.id not in moved}
    found = same | rows
    queued = [job for job in found.values() if job.state is JobState.QUEUED]
    return found, store.positions(queued) if queued else {}


def _held(service: Service, jobs: Sequence[Job], paused: float | None) -> dict[str, Progress]:
    """Queued jobs begin only when the volumes are well, and nobody has paused them: they say so."""
    queued = [job for job in jobs if job.state is JobState.QUEUED]
    unwell = service.volumes.known_unwell() if queued else None
    if unwell is None and paused is None:
        return {}
    held = {"waiting_for": PAUSED if unwell is None else unwell.body.message}
    return {job.id: job.progress.model_copy(update=held) for job in queued}
