"""From a planned batch to jobs in the queue: all of them, or none."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from secrets import token_hex

from fastapi.concurrency import run_in_threadpool

from common.api.batches.body import BatchRequest
from common.api.batches.planning import Candidate, Planned
from common.api.routes.generate import new_job, store_upload
from common.api.routes.repeats import Digests, answered, fingerprint_of
from common.api.service import Service
from common.base.disk import disk_named
from common.base.durable import fsync
from common.base.errors import FileGone, InvalidRequest
from common.base.errors.batch import BatchConflict
from common.contract import Upload
from common.jobs.batches import Batch, Member, NewBatch
from common.jobs.model import Job, KeyUse, NewJob
from common.jobs.repeats import is_held
from common.jobs.states import JobState
from common.publishing.arrivals import remove_all


async def accept_batch(
    service: Service, wanted: BatchRequest, planned: Sequence[Planned], key: KeyUse | None = None
) -> Batch:
    """Store a batch with its jobs and their uploads, and wake the worker.

    With a key that made a batch before, in another process, that one is answered.

    Raises:
        QueueFull: there is no room for all of its jobs now.
        InvalidRequest: there never is.
        StorageFull, StoreUnavailable: nothing was made.
    """
    await service.volumes.check_now()
    candidates = [one.candidate for one in planned if one.candidate is not None]
    _check_room(service, len(candidates))
    new = NewBatch(
        id=token_hex(16),
        model=service.spec.id,
        owner=service.queue.owner,
        name=wanted.name,
        members=tuple(_member(one) for one in planned),
    )
    likes = await run_in_threadpool(_likes, service, candidates)
    first, *others = [await _job(service, one, new.id, likes) for one in candidates]
    jobs = [first.model_copy(update={"key": key}), *others]
    uploads = [upload for candidate in candidates for upload in candidate.body.uploads]
    paths = [service.inputs / upload.media.name for upload in uploads]
    with service.arrivals.of(paths):
        await run_in_threadpool(_write_all, service.inputs, uploads)
        queue = service.queue
        batch = await queue.call(queue.store.submit_batch, new, jobs, *queue.limits)
    if batch.id != new.id:
        remove_all(paths)
    else:
        await _answer(service, likes)
    service.forecasts.changed()
    service.supervisor.wake()
    return batch


async def retry_failed(service: Service, batch: Batch, jobs: Sequence[Job]) -> Batch:
    """Give every member whose job has failed a new one: same request, same seed, same beginning.

    Raises:
        BatchConflict: no job has failed, or the batch has changed meanwhile.
        FileGone: what one of them began with is no longer on disk.
        QueueFull, StorageFull, StoreUnavailable: nothing was made.
    """
    current = set(batch.job_ids)
    failed = [job for job in jobs if job.id in current and job.state is JobState.FAILED]
    if not failed:
        raise BatchConflict(
            "No job of the batch has failed.",
            hint="Refused and cancelled requests are sent anew: POST /generate/batch.",
        )
    await service.volumes.check_now()
    again = {job.id: _again(job) for job in failed}
    links = [
        (service.inputs / old, service.inputs / new)
        for job in failed
        for old, new in _uploads_of(job, again[job.id])
    ]
    with service.arrivals.of([new for _, new in links]):
        await run_in_threadpool(_link_all, service.inputs, links)
        queue = service.queue
        retried = await queue.call(queue.store.retry_batch, batch.id, again, *queue.limits)
    service.forecasts.changed()
    service.supervisor.wake()
    return retried


def _check_room(service: Service, count: int) -> None:
    """A client that is told to try again later must have a chance."""
    most = service.settings.max_queue
    if count > most:
        raise InvalidRequest(
            f"requests: {count} jobs never fit into a queue of {most}.",
            param="requests",
            hint="Send several batches, or raise MAX_QUEUE.",
        )


def _member(planned: Planned) -> Member:
    job_id = planned.candidate.job_id if planned.candidate else None
    return Member(prompt=planned.prompt, job=job_id, error=planned.error)


async def _job(
    service: Service, candidate: Candidate, batch_id: str, likes: Mapping[str, str]
) -> NewJob:
    job_id, resolution = candidate.job_id, candidate.resolution
    estimated = await service.forecasts.working_seconds(resolution.request)
    made = (service, job_id, candidate.body, resolution, estimated, batch_id)
    return new_job(*made, like=likes.get(job_id))


def _likes(service: Service, candidates: Sequence[Candidate]) -> dict[str, str]:
    """The fingerprints of those that may have been made before, by job."""
    digests, found = Digests(), {}
    for one in candidates:
        like = fingerprint_of(service, one.body, one.resolution, digests)
        if like is not None:
            found[one.job_id] = like
    return found


async def _answer(service: Service, likes: Mapping[str, str]) -> None:
    """Complete those of an accepted batch that were made before."""
    accepted = await service.queue.read(service.queue.store.known, tuple(likes)) if likes else {}
    for job_id, job in accepted.items():
        if is_held(job):
            await answered(service, job, likes[job_id])


def _again(job: Job) -> NewJob:
    new_id = token_hex(16)
    names = {
        field: path.with_name(path.name.replace(job.id, new_id))
        for field, path in job.resolved.uploads.items()
    }
    values = job.model_dump(include=set(NewJob.model_fields))
    resolved = job.resolved.with_uploads(names)
    return NewJob.model_validate(values | {"id": new_id, "resolved": resolved})


def _uploads_of(old: Job, new: NewJob) -> list[tuple[Path, Path]]:
    return [(path, new.resolved.uploads[field]) for field, path in old.resolved.uploads.items()]


def _write_all(folder: Path, uploads: Sequence[Upload]) -> None:
    """Every job has its own name for its file: it goes when that job goes, and no other loses it.

    A file that several share is on disk once, under several names.
    """
    written: dict[int, Path] = {}
    links = []
    for upload in uploads:
        path, known = folder / upload.media.name, written.get(id(upload.file))
        if known is None:
            store_upload(path, upload)
            written[id(upload.file)] = path
        else:
            links.append((known, path))
    _link_all(folder, links)


def _link_all(folder: Path, links: Sequence[tuple[Path, Path]]) -> None:
    if not links:
        return
    try:
        with disk_named("uploads"):
            for old, new in links:
                os.link(old, new)
    except FileNotFoundError as exc:
        raise FileGone(
            "What a job begins with is no longer on disk.", hint="Send it anew."
        ) from exc
    fsync(folder)
