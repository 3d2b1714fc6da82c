"""``POST /generate``: validate, resolve, accept."""

import os
import shutil
from contextlib import suppress
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import Annotated, Any, BinaryIO

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool

from common.api.bodies.body import (
    Body,
    Parsed,
    Reader,
    checked_body,
    foreseen,
    read_body,
    reader_of,
)
from common.api.bodies.once import Once, OnceParam
from common.api.routes.estimate import estimate_memory
from common.api.routes.reading import views_of
from common.api.routes.repeats import answered, fingerprint_of, made_before
from common.api.routes.views import DryRunView, ErrorView, JobView
from common.api.service import Service, service_of
from common.base.disk import disk_named
from common.base.durable import fsync
from common.base.errors import CheckpointError, FileGone
from common.contract import Resolution, Upload
from common.contract.fields import PRIORITIES
from common.contract.fusing import shape_of_batch
from common.jobs.model import Job, KeyUse, NewJob
from common.jobs.repeats import is_held
from common.memory.fitting import Fitting
from common.publishing.arrivals import remove_all

router = APIRouter(tags=["Generate"])

RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"model": DryRunView, "description": "`dry_run`: no job."},
    **{
        status: {"model": ErrorView, "description": text}
        for status, text in {
            404: "A job that it names is not there.",
            409: "`Idempotency-Key`: its first request is under way, or its job was deleted. Or a "
            "job that it names is not finished.",
            410: "The file of a job that it names is gone.",
            413: "The body is over the limit.",
            415: "Neither JSON nor multipart.",
            422: "A field is wrong, or the model cannot make that; `param` names it.",
            429: "The queue is full; try again after `Retry-After` seconds.",
            503: "The job database or a volume is silent, or too many files are being looked at.",
            507: "Too little disk space is left.",
        }.items()
    },
}
"""Of whatever makes a job from the kind's body."""


@router.post(
    "/generate",
    status_code=202,
    response_model=JobView,
    responses=RESPONSES,
    summary="Make it",
)
async def generate(
    request: Request,
    response: Response,
    service: Annotated[Service, Depends(service_of)],
    once: OnceParam,
) -> Any:
    """Queue a job. The answer comes at once; poll `GET /jobs/{id}` until it is `completed`.

    Values inside the model's range are snapped to the nearest that it can make, and listed under
    `adjustments`; others are refused with the limit and the nearest legal value. A 202 means that
    the job is on disk: it survives crashes and restarts.

    A request with a `seed` that was made before is `completed` at once, with `cached_from`;
    `no_cache` has it made all the same.
    """
    return await queued(request, response, service, once, reader_of(service.kind))


async def queued(
    request: Request, response: Response, service: Service, once: Once, reader: Reader[Parsed]
) -> Any:
    """The answer to a body in one of the kind's vocabularies: its job, or what it would be."""
    job_id = token_hex(16)
    async with read_body(request, reader) as parsed:
        job = await once.before(Body(parsed.request, files=parsed.files))
        if job is None:
            body = await checked_body(request, parsed, service, job_id)
            if body.request.dry_run:
                dry_run = await _dry_run(request, service, body)
                return Response(dry_run.model_dump_json(), media_type="application/json")
            job = await once.job(job_id, body, partial(make, service, job_id, body))
    response.headers["Location"] = f"/jobs/{job.id}"
    return (await views_of(service, [job]))[0]


async def make(service: Service, job_id: str, body: Body, key: KeyUse | None = None) -> Job:
    """Resolve and accept. The job has another id where ``key`` has made one before."""
    return await accept(service, job_id, body, await resolved(service, body), key)


async def resolved(service: Service, body: Body) -> Resolution:
    """What the model makes of a body. Raises InvalidRequest."""
    return await service.intake.resolve(body.request, body.media)


async def accept(
    service: Service, job_id: str, body: Body, resolution: Resolution, key: KeyUse | None = None
) -> Job:
    """Store the job and its uploads, and wake the worker."""
    await service.volumes.check_now()
    like = await run_in_threadpool(_judged, service, body, resolution)
    estimated = await service.forecasts.working_seconds(resolution.request)
    new = new_job(service, job_id, body, resolution, estimated, key=key, like=like)
    paths = [service.inputs / upload.media.name for upload in body.uploads]
    with service.arrivals.of(paths):
        for path, upload in zip(paths, body.uploads, strict=True):
            await run_in_threadpool(store_upload, path, upload)
        job = await service.queue.submit(new)
    if job.id != job_id:  # another process made it with the same key
        remove_all(paths)
    elif like is not None and is_held(job):
        job = await answered(service, job, like)
    if not job.ended:
        service.forecasts.joined(job)
        service.supervisor.wake()
    return job


def new_job(
    service: Service,
    job_id: str,
    body: Body,
    resolution: Resolution,
    estimated: float | None,
    batch: str | None = None,
    key: KeyUse | None = None,
    like: str | None = None,
) -> NewJob:
    """The job that a request becomes."""
    return NewJob(
        id=job_id,
        model=service.spec.id,
        requested=body.as_requested(),
        resolved=resolution.request,
        adjustments=resolution.adjustments,
        owner=service.queue.owner,
        priority=PRIORITIES[body.request.priority],
        batch=batch,
        shape=shape_of_batch(service.spec, resolution.request),
        estimated=estimated,
        key=key,
        like=like,
        trace=service.tracing.traceparent() if service.tracing else None,
        webhook=str(url) if (url := body.request.webhook_url) else None,
    )


def _judged(service: Service, body: Body, resolution: Resolution) -> str | None:
    """Whether it fits, and its fingerprint: one way to another thread for both."""
    fitting = service.fitting()
    check_memory(fitting, resolution)
    found = None if fitting is None else fitting.checkpoint
    return fingerprint_of(service, body, resolution, found=found)


def check_memory(fitting: Fitting | None, resolution: Resolution) -> None:
    """Refuse what could never fit; what cannot be judged for want of a checkpoint fails later."""
    if fitting is not None:
        with suppress(CheckpointError):
            fitting.check(resolution.request)


async def _dry_run(request: Request, service: Service, body: Body) -> DryRunView:
    resolution = await resolved(service, body)
    seen = await foreseen(request, resolution, body.uploads)
    forecasts, wanted = service.forecasts, seen.request
    return DryRunView(
        requested=body.as_requested(),
        resolved=wanted,
        adjustments=resolution.adjustments,
        memory=await estimate_memory(service, wanted),
        seconds=await forecasts.working_seconds(wanted),
        eta=await forecasts.of_request(wanted),
        cached_from=await made_before(service, body, resolution),
        notes=seen.notes,
    )


def store_upload(path: Path, upload: Upload) -> None:
    """The upload is on disk before the job that needs it.

    Raises:
        FileGone: it is a finished job's file, which was removed meanwhile.
        StorageFull, StorageUnavailable: nothing that counts was written.
    """
    if not isinstance(upload.file, Path):
        _copy(path, upload.file)
        return
    try:
        source = upload.file.open("rb")
    except FileNotFoundError as exc:
        raise FileGone(
            "The file of the job that this one uses is no longer on disk.",
            hint=f"Leave {upload.media.field} out, or name another job.",
        ) from exc
    with source:
        _copy(path, source)


def _copy(path: Path, sent: BinaryIO) -> None:
    sent.seek(0)
    with disk_named("uploads"), path.open("wb") as file:
        shutil.copyfileobj(sent, file)
        file.flush()
        os.fsync(file.fileno())
    fsync(path.parent)
