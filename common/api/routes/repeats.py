"""Requests that were made before are answered with what came of them, and nothing is made.

The job is written first, and held; then it gets its files, and its end. Whatever goes wrong in
between, and be it this process, it goes to the queue and is made as any other.
"""

from collections.abc import Mapping, Sequence

from fastapi.concurrency import run_in_threadpool

from common.api.bodies.body import Body
from common.api.service import Service
from common.base.errors import CheckpointError, VideosDGXError
from common.base.logs import get_logger
from common.contract import Resolution, Resolved, Upload
from common.contract.fingerprints import Fingerprints, digest
from common.contract.hub import locate
from common.contract.variants import NO_MODEL, Checkpoint
from common.jobs.model import Job
from common.publishing.twins import publish_twin

log = get_logger("api")


class Digests:
    """Of uploads; a file that several requests of a batch share is read once."""

    def __init__(self) -> None:
        self._known: dict[int, str] = {}

    def of(self, request: Resolved, uploads: Sequence[Upload]) -> Mapping[str, str]:
        """Of those that a request uses, by its names for them. Blocks."""
        fields = {path.name: field for field, path in request.uploads.items()}
        used = [upload for upload in uploads if upload.media.name in fields]
        return {fields[upload.media.name]: self._of(upload) for upload in used}

    def _of(self, upload: Upload) -> str:
        key = id(upload.file)
        if key not in self._known:
            self._known[key] = digest(upload.file)
        return self._known[key]


def fingerprint_of(
    service: Service,
    body: Body,
    resolution: Resolution,
    digests: Digests | None = None,
    found: Checkpoint | None = None,
) -> str | None:
    """Of what would be made now; None where that is not looked for. Blocks on the disk.

    ``found``: the checkpoint, where it was looked for a moment ago.
    """
    if not _may_repeat(service, body):
        return None
    fingerprints = Fingerprints(service.spec, service.settings, service.appraiser.weights)
    try:
        request, checkpoint = resolution.request, NO_MODEL
        if request.needs_model:
            checkpoint = found or locate(service.settings.models_dir, service.variant)
        uploads = (digests or Digests()).of(request, body.uploads)
        return fingerprints.of(request, uploads, checkpoint)
    except (CheckpointError, FileNotFoundError):  # told later, with the reason
        return None


async def made_before(service: Service, body: Body, resolution: Resolution) -> str | None:
    """The job whose files a request would get; None where it would be made."""
    if not _may_repeat(service, body):
        return None
    fingerprint = await run_in_threadpool(fingerprint_of, service, body, resolution)
    first = None if fingerprint is None else await _first(service, fingerprint)
    return None if first is None else first.id


async def answered(service: Service, job: Job, fingerprint: str) -> Job:
    """A held job, completed; where that cannot be, it is in the queue."""
    store, token = service.queue.store, job.token or ""
    try:
        if not await _completed(service, job, token, fingerprint):
            await service.queue.call(store.release, job.id, token)
        return await service.queue.read(store.get, job.id)
    except VideosDGXError as exc:  # the database; the job is taken back when it answers
        log.warning("a job waits to be taken back", extra={"job_id": job.id, "reason": str(exc)})
        return job


async def _completed(service: Service, job: Job, token: str, fingerprint: str) -> bool:
    """Give the job its files and its end; False where it cannot have them, or was cancelled."""
    storage = service.storage
    first = await _first(service, fingerprint)
    if first is None or first.result is None:  # removed in this very moment
        return False
    files = (storage, service.kind, job, token, first, first.result)
    try:
        result = await run_in_threadpool(publish_twin, *files)
    except (OSError, VideosDGXError) as exc:
        log.warning("nothing from the cache", extra={"job_id": job.id, "reason": str(exc)})
        return False
    if await service.queue.call(service.queue.store.complete, job.id, token, result):
        service.meters.repeated()
        log.info("job completed", extra={"job_id": job.id, "cached_from": first.id})
        return True
    await run_in_threadpool(storage.withdraw, job.id, token)
    return False


async def _first(service: Service, fingerprint: str) -> Job | None:
    queue = service.queue
    return await queue.read(queue.store.made_before, queue.owner, fingerprint)


def _may_repeat(service: Service, body: Body) -> bool:
    return service.settings.request_cache and body.request.may_repeat
