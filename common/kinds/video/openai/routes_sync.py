"""``POST /v1/videos/sync``: one request, and the MP4 in its answer, as vLLM-Omni has it."""

import asyncio
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import FileResponse

from common.api.bodies.once import OnceParam
from common.api.door.error_handlers import CLIENT_CLOSED_REQUEST
from common.api.door.openai_errors import PREFIX, described, openai_answer
from common.api.routes.acting import cancel, find
from common.api.routes.file_names import file_name
from common.api.routes.stored_files import stored_file
from common.api.service import Service, service_of
from common.base.errors import ErrorBody, JobConflict
from common.base.logs import get_logger
from common.jobs.model import Job
from common.jobs.states import JobState
from common.kinds.video.files import VIDEO
from common.kinds.video.openai.create import create_job
from common.kinds.video.openai.routes_videos import CREATE_BODY, CREATE_ERRORS
from common.kinds.video.openai.views import reason_of

router = APIRouter(prefix=f"{PREFIX}/videos", tags=["OpenAI"])
log = get_logger("api")

LOOK_SECONDS = 0.2
"""Between two looks at the job and at the connection: one indexed row, below a millisecond."""


@router.post(
    "/sync",
    openapi_extra=CREATE_BODY,
    response_class=FileResponse,
    responses={
        200: {"content": {"video/mp4": {}}, "description": "The video."},
        **CREATE_ERRORS,
        **described(
            _409="The job was cancelled meanwhile.",
            _500="The job failed; the error says why.",
            _503="The service stops, or its database does not answer.",
            _504="It takes longer than `SYNC_SECONDS`. The job goes on; the error names it.",
        ),
    },
    summary="Make a video and wait for it",
)
async def create_and_wait(
    request: Request, service: Annotated[Service, Depends(service_of)], once: OnceParam
) -> Response:
    """The MP4 itself. Whoever hangs up cancels the job; whoever waits too long loses nothing.

    `X-Request-Id` is the id of the job.
    """
    job = await create_job(request, service, once)
    try:
        async with asyncio.timeout(service.settings.sync_seconds):
            ended = await _end_of(job.id, request, service)
    except TimeoutError:
        return _late(job, service.settings.sync_seconds)
    if ended is None and request.app.state.feeds.closed:
        return _stopping(job)
    if ended is None:
        await _give_up(job, service)
        return Response(status_code=CLIENT_CLOSED_REQUEST)
    answer = await _answer(ended, request, service)
    answer.headers.update(once.response.headers)
    return answer


async def _end_of(job_id: str, request: Request, service: Service) -> Job | None:
    """The ended job; None as soon as its client has hung up, or the service is told to stop."""
    while not (job := await find(service, job_id)).ended:
        if request.app.state.feeds.closed or await request.is_disconnected():
            return None
        await asyncio.sleep(LOOK_SECONDS)
    return job


async def _give_up(job: Job, service: Service) -> None:
    log.info("client hung up, job cancelled", extra={"job_id": job.id})
    with suppress(JobConflict):  # it ended just now
        await cancel(service, job.id)


def _late(job: Job, seconds: float) -> Response:
    error = ErrorBody(
        code="still_running",
        message=f"Video {job.id} is not finished after {seconds:g} s. It goes on.",
        hint=f"GET {PREFIX}/videos/{job.id} follows it. SYNC_SECONDS sets the limit.",
    )
    return openai_answer(504, error, {"X-Request-Id": job.id})


def _stopping(job: Job) -> Response:
    error = ErrorBody(
        code="stopping",
        message=f"The service stops. Video {job.id} is made when it runs again.",
        hint=f"GET {PREFIX}/videos/{job.id} follows it then.",
    )
    return openai_answer(503, error, {"X-Request-Id": job.id, "x-should-retry": "false"})


async def _answer(job: Job, request: Request, service: Service) -> Response:
    reason = reason_of(job)
    if reason is not None:
        status = 409 if job.state is JobState.CANCELLED else 500
        return openai_answer(status, reason, {"X-Request-Id": job.id, "x-should-retry": "false"})
    headers = {
        "X-Request-Id": job.id,
        "X-Model": job.model,
        "X-Inference-Time-S": f"{job.duration or 0:.3f}",
    }
    return await stored_file(request, service, job, VIDEO, file_name(service.kind, job), headers)
