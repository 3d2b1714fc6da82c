"""At start-up: files whose job is gone go too."""

from fastapi.concurrency import run_in_threadpool

from common.api.service import Service
from common.errors import JobNotFound
from common.jobs.model import Job
from common.jobs.states import JobState
from common.logs import get_logger

log = get_logger("api")


async def sweep_files(service: Service) -> None:
    """Remove folders and uploads that no job stands behind, after a crash or a restored backup."""
    removed = await run_in_threadpool(_sweep, service)
    log.info("files swept", extra={"uploads_removed": removed})


def _sweep(service: Service) -> int:
    service.storage.sweep(lambda job_id, token: _keeps(_find(service, job_id), token))
    removed = 0
    for upload in service.inputs.iterdir():
        job = _find(service, upload.stem)
        if job is None or job.state is JobState.CANCELLED:
            upload.unlink(missing_ok=True)
            removed += 1
    return removed


def _keeps(job: Job | None, token: str) -> bool:
    """Keep a completed job's own folder, and whatever an unfinished one may still adopt."""
    if job is None:
        return False
    return job.result.folder.endswith(token) if job.result else not job.ended


def _find(service: Service, job_id: str) -> Job | None:
    try:
        return service.queue.store.get(job_id)
    except JobNotFound:
        return None
