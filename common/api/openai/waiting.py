"""One request, and what its job made in the answer: who waits gets it, who hangs up cancels it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from fastapi import Request, Response

from common.api.bodies.once import Once
from common.api.door.error_handlers import CLIENT_CLOSED_REQUEST
from common.api.door.openai_errors import described, openai_answer
from common.api.routes.acting import cancel, find
from common.api.service import Service
from common.base.errors import ErrorBody, JobConflict
from common.base.logs import get_logger
from common.jobs.model import Job
from common.jobs.states import JobState

log = get_logger("api")

LOOK_SECONDS = 0.2
"""Between two looks at the job and at the connection: one indexed row, below a millisecond."""

WAITING_ERRORS: dict[int | str, dict[str, Any]] = described(
    _409="The job was cancelled meanwhile.",
    _500="The job failed; the error says why.",
    _503="The service stops, or its database does not answer.",
    _504="It takes longer than `SYNC_SECONDS`. The job goes on; the error names it.",
)
"""Beside those of making it."""

_CANCELLED = ErrorBody(code="cancelled", message="The job was cancelled.")


async def answer_at_the_end(
    job: Job,
    request: Request,
    service: Service,
    once: Once,
    answer: Callable[[Job], Awaitable[Response]],
    where: str = "/jobs",
) -> Response:
    """What ``answer`` makes of the completed job, or why there is none; the id is a header.

    Whoever hangs up cancels the job; whoever waits too long loses nothing, and is told ``where``
    to follow it.
    """
    try:
        async with asyncio.timeout(service.settings.sync_seconds):
            ended = await _end_of(job.id, request, service)
    except TimeoutError:
        return _late(job, service, where)
    if ended is None and request.app.state.feeds.closed:
        return _stopping(job, service, where)
    if ended is None:
        await _give_up(job, service)
        return Response(status_code=CLIENT_CLOSED_REQUEST)
    response = _failed(ended) or await answer(ended)
    response.headers.update(once.response.headers)
    return response


def headers_of(job: Job) -> dict[str, str]:
    """What is said of a completed job, beside its product."""
    return {
        "X-Request-Id": job.id,
        "X-Model": job.model,
        "X-Inference-Time-S": f"{job.duration or 0:.3f}",
    }


def reason_of(job: Job) -> ErrorBody | None:
    """Why an ended job made nothing."""
    return _CANCELLED if job.state is JobState.CANCELLED else job.error


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


def _failed(job: Job) -> Response | None:
    reason = reason_of(job)
    if reason is None:
        return None
    status = 409 if job.state is JobState.CANCELLED else 500
    return openai_answer(status, reason, {"X-Request-Id": job.id, "x-should-retry": "false"})


def _late(job: Job, service: Service, where: str) -> Response:
    seconds = service.settings.sync_seconds
    error = ErrorBody(
        code="still_running",
        message=f"{_named(job, service)} is not finished after {seconds:g} s. It goes on.",
        hint=f"GET {where}/{job.id} follows it. SYNC_SECONDS sets the limit.",
    )
    return openai_answer(504, error, {"X-Request-Id": job.id})


def _stopping(job: Job, service: Service, where: str) -> Response:
    error = ErrorBody(
        code="stopping",
        message=f"The service stops. {_named(job, service)} is made when it runs again.",
        hint=f"GET {where}/{job.id} follows it then.",
    )
    return openai_answer(503, error, {"X-Request-Id": job.id, "x-should-retry": "false"})


def _named(job: Job, service: Service) -> str:
    return f"{service.kind.noun.capitalize()} {job.id}"
