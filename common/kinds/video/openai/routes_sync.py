"""``POST /v1/videos/sync``: one request, and the MP4 in its answer, as vLLM-Omni has it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import FileResponse

from common.api.bodies.once import OnceParam
from common.api.door.openai_errors import PREFIX
from common.api.openai.waiting import WAITING_ERRORS, answer_at_the_end, headers_of
from common.api.routes.file_names import file_name
from common.api.routes.stored_files import stored_file
from common.api.service import Service, service_of
from common.jobs.model import Job
from common.kinds.video.files import VIDEO
from common.kinds.video.openai.create import create_job
from common.kinds.video.openai.routes_videos import CREATE_BODY, CREATE_ERRORS

router = APIRouter(prefix=f"{PREFIX}/videos", tags=["OpenAI"])


@router.post(
    "/sync",
    openapi_extra=CREATE_BODY,
    response_class=FileResponse,
    responses={
        200: {"content": {"video/mp4": {}}, "description": "The video."},
        **CREATE_ERRORS,
        **WAITING_ERRORS,
    },
    summary="Make a video and wait for it",
)
async def create_and_wait(
    request: Request, service: Annotated[Service, Depends(service_of)], once: OnceParam
) -> Response:
    """The MP4 itself. Whoever hangs up cancels the job; whoever waits too long loses nothing.

    `X-Request-Id` is the id of the job.
    """

    async def video(job: Job) -> Response:
        name = file_name(service.kind, job)
        return await stored_file(request, service, job, VIDEO, name, headers_of(job))

    job = await create_job(request, service, once)
    return await answer_at_the_end(job, request, service, once, video, f"{PREFIX}/videos")
