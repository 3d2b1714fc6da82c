"""What every vocabulary of routes does with a job: find, cancel, remove, open its files."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi.concurrency import run_in_threadpool

from common.api.service import Service
from common.base.errors import FileGone, JobConflict, NoPreview, StorageFull, StorageUnavailable
from common.base.logs import get_logger
from common.contract import PublishedFile
from common.jobs.model import Job
from common.jobs.states import JobState
from common.publishing.storage import Storage

if TYPE_CHECKING:
    from common.publishing.bucket.bucket import Bucket

log = get_logger("api")


async def find(service: Service, job_id: str) -> Job:
    """Read a job. Raises JobNotFound."""
    return await service.queue.read(service.queue.store.get, job_id)


async def cancel(service: Service, job_id: str) -> Job:
    """Cancel a job: at once while it is queued, else as soon as its worker lets go.

    Raises:
        JobNotFound, JobConflict: unknown, or ended otherwise.
    """
    job = await service.queue.call(service.queue.store.cancel, job_id)
    service.supervisor.cancel(job)
    if job.ended:
        await run_in_threadpool(remove_files, service.storage, service.inputs, [job])
    return job


async def remove(service: Service, job_id: str) -> None:
    """Forget an ended job and delete its files.

    Raises:
        JobNotFound, JobConflict: unknown, or not ended.
        StorageUnavailable: its files could not go now; nothing was done.
    """
    await check_removable(service)
    job = await service.queue.call(service.queue.store.delete, job_id)
    await run_in_threadpool(remove_files, service.storage, service.inputs, [job])


async def check_removable(service: Service) -> None:
    """Files can go from a disk that is full; from one that is read-only or gone they cannot.

    Raises:
        StorageUnavailable: naming the volume.
    """
    error = await service.volumes.now_unwell(anew=True)
    if error is not None and not isinstance(error, StorageFull):
        raise error


async def published_file(service: Service, job: Job, file: PublishedFile) -> Path:
    """The path of a file of a completed job; what is in the bucket alone is brought back.

    Raises:
        JobConflict: it is not completed.
        FileGone: somebody removed the file.
        NoPreview: there never was one.
        StorageUnavailable: the whole volume has gone, or the bucket does not answer.
    """
    path = published_path(service, job, file)
    if await is_away(service, job, file):
        await bucket_of(service, job).bring_back(job)
    if not await run_in_threadpool(path.is_file):
        await service.volumes.check_now(anew=True)
        noun = service.kind.noun
        raise FileGone("The file is no longer on disk.", hint=f"Make the {noun} again.")
    return path


async def is_away(service: Service, job: Job, file: PublishedFile) -> bool:
    """Whether a file of a completed job is in the bucket alone. Raises as ``published_path``.

    Raises:
        NoPreview: there never was one.
    """
    path = published_path(service, job, file)
    if not file.made(job.result):
        raise NoPreview(file.missing)
    if await run_in_threadpool(path.is_file):
        return False
    if not job.in_bucket and service.bucket is not None:  # it may have gone there just now
        job = await service.queue.read(service.queue.store.get, job.id)
    return job.in_bucket


def bucket_of(service: Service, job: Job) -> "Bucket":
    """The bucket that has a job's files. Raises FileGone: the service has none any more."""
    if service.bucket is None:
        name = job.stored.bucket if job.stored else ""
        raise FileGone(
            f"The file is in bucket {name}, and this service has no bucket any more.",
            hint="Its operator can set S3_BUCKET and S3_KEYS_FILE again.",
        )
    return service.bucket


def published_path(service: Service, job: Job, file: PublishedFile) -> Path:
    """Where a file of a completed job belongs, whether it is there or not.

    Raises:
        JobConflict: it is not completed.
        FileGone: it had its time.
    """
    if job.gone_at is not None:
        raise _expired(service.kind.noun, job.gone_at)
    if job.result is None:
        reason = job.error.message if job.error else f"There is no {service.kind.noun} yet."
        hint = f"Poll GET /jobs/{job.id} until it is completed." if not job.ended else None
        raise JobConflict(f"The job is {job.state}. {reason}", hint=hint)
    return service.storage.path(job.result.folder, file.name)


def _expired(noun: str, at: float) -> FileGone:
    when = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return FileGone(
        f"The {noun} had its time: it was removed on {when}.",
        hint=f"Make the {noun} again. POST /jobs/{{id}}/keep holds one that is still there.",
    )


def remove_files(storage: Storage, inputs: Path, jobs: Sequence[Job]) -> None:
    """Whatever of them is on disk: an attempt that died may have left something, too.

    The outputs are looked through once for all of them, and for none that was cancelled before its
    first attempt. What a disk does not let go of is noted as removed, and goes at the next start.
    """
    begun = {job.id for job in jobs if job.state is not JobState.CANCELLED or job.started_at}
    published: Mapping[str, Sequence[Path]] = {}
    with _noted(job_ids=sorted(begun)):
        published = storage.published_of(begun)
    for job in jobs:
        with _noted(job_id=job.id):
            if job.id in begun:
                storage.remove(job.id, published.get(job.id, ()))
            for name in job.resolved.uploads.values():
                (inputs / name).unlink(missing_ok=True)


@contextmanager
def _noted(**about: object) -> Iterator[None]:
    try:
        yield
    except (OSError, StorageUnavailable) as exc:
        log.warning("files stay for now", extra={**about, "reason": str(exc)})
