"""``POST /generate``: validate, resolve, accept."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Annotated, Any, BinaryIO

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool

from common.api.body import GENERATE, Body, checked_body, read_body
from common.api.estimate import estimate
from common.api.service import Service, service_of
from common.api.views import DryRunView, ErrorView, JobView, job_view
from common.errors import CheckpointError
from common.fusing import shape_of_batch
from common.jobs.model import Job, NewJob
from common.media.disk import full_disk_named
from common.requests import GenerateRequest
from common.resolver import Resolution, resolve

router = APIRouter(tags=["Generate"])

_SCHEMA = GenerateRequest.model_json_schema()
_MULTIPART: dict[str, Any] = {
    **_SCHEMA,
    "properties": {
        **_SCHEMA["properties"],
        "image": {"type": "string", "format": "binary", "description": "PNG, JPEG or WebP."},
        "video": {
            "type": "string",
            "format": "binary",
            "description": "MP4, MOV, MKV or WebM: goes on from its first frames, on models that"
            " list `video_continuation`. `duration` and `num_frames` count what is new.",
        },
        "options": {"type": "string", "description": "A JSON object."},
    },
}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": _SCHEMA},
            "multipart/form-data": {"schema": _MULTIPART},
        },
    }
}
_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorView, "description": text}
    for status, text in {
        413: "The body is over the limit.",
        415: "Neither JSON nor multipart.",
        422: "A field is wrong, or the model cannot make that; `param` names it.",
        429: "The queue is full; try again after `Retry-After` seconds.",
        503: "The job database does not answer.",
        507: "Too little disk space is left.",
    }.items()
}


@router.post(
    "/generate",
    status_code=202,
    response_model=JobView,
    responses={200: {"model": DryRunView, "description": "`dry_run`: no job."}, **_ERRORS},
    openapi_extra=_BODY,
    summary="Make a video",
)
async def generate(
    request: Request, response: Response, service: Annotated[Service, Depends(service_of)]
) -> Any:
    """Queue a video. The answer comes at once; poll `GET /jobs/{id}` until it is `completed`.

    Values inside the model's range are snapped to the nearest that it can make, and listed under
    `adjustments`; others are refused with the limit and the nearest legal value. A 202 means that
    the job is on disk: it survives crashes and restarts.
    """
    job_id = token_hex(16)
    async with read_body(request, GENERATE) as parsed:
        body = await checked_body(request, parsed, service, job_id)
        resolution = resolve(body.request, service.spec, service.variant, body.media)
        if body.request.dry_run:
            dry_run = await _dry_run(service, body, resolution)
            return Response(dry_run.model_dump_json(), media_type="application/json")
        job = await accept(service, job_id, body, resolution)
    response.headers["Location"] = f"/jobs/{job.id}"
    return job_view(job)


async def accept(service: Service, job_id: str, body: Body, resolution: Resolution) -> Job:
    """Store the job and its upload, and wake the worker."""
    service.check_disk()
    await run_in_threadpool(check_memory, service, resolution)
    new = NewJob(
        id=job_id,
        model=service.spec.id,
        requested=body.as_requested(),
        resolved=resolution.request,
        adjustments=resolution.adjustments,
        shape=shape_of_batch(service.spec, resolution.request),
    )
    if body.upload is None:
        job = await service.queue.submit(new)
    else:
        path = service.inputs / body.upload.media.name
        with _removed_on_failure(path):
            await run_in_threadpool(_write, path, body.upload.file)
            job = await service.queue.submit(new)
    service.supervisor.wake()
    return job


def check_memory(service: Service, resolution: Resolution) -> None:
    """Refuse what could never fit; what cannot be judged for want of a checkpoint fails later."""
    fitting = service.fitting()
    if fitting is not None:
        with suppress(CheckpointError):
            fitting.check(resolution.request)


async def _dry_run(service: Service, body: Body, resolution: Resolution) -> DryRunView:
    memory, seconds = await estimate(service, resolution.request)
    return DryRunView(
        requested=body.as_requested(),
        resolved=resolution.request,
        adjustments=resolution.adjustments,
        memory=memory,
        seconds=seconds,
    )


def _write(path: Path, upload: BinaryIO) -> None:
    """The upload is on disk before the job that needs it."""
    upload.seek(0)
    with full_disk_named(), path.open("wb") as file:
        shutil.copyfileobj(upload, file)
        file.flush()
        os.fsync(file.fileno())
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the name, too
    finally:
        os.close(folder)


@contextmanager
def _removed_on_failure(path: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            path.unlink()
        raise
