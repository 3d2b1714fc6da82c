"""``/v1/videos/{id}/content``: the MP4, its thumbnail, or many of its frames on one sheet."""

import asyncio
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import FileResponse

from common.api.door.callers import who
from common.api.door.openai_errors import PREFIX, described
from common.api.door.turns import Turns
from common.api.routes.acting import find, published_file, published_path
from common.api.routes.file_names import file_name
from common.api.routes.stored_files import stored_file
from common.api.service import Service, service_of
from common.jobs.model import Job
from common.kinds.video.files import SPRITESHEET, THUMBNAIL, VIDEO
from common.kinds.video.openai.routes_videos import CONFLICT, UNKNOWN
from common.media.spritesheet import make_spritesheet

router = APIRouter(prefix=f"{PREFIX}/videos", tags=["OpenAI"])

SHEET_PATIENCE_SECONDS = 60.0
"""For a sheet, of which one is made at a time: a minute at most, where the video is long."""


class Asset(StrEnum):
    """What of a video is wanted."""

    VIDEO = "video"
    THUMBNAIL = "thumbnail"
    SPRITESHEET = "spritesheet"


@router.get(
    "/{video_id}/content",
    response_class=FileResponse,
    responses={
        200: {"content": {"video/mp4": {}, "image/jpeg": {}}, "description": "The file."},
        206: {"content": {"video/mp4": {}, "image/jpeg": {}}, "description": "A part, by `Range`."},
        307: {"description": "A bucket has it: follow `Location`, which is good for a while."},
        304: {"description": "It is what `If-None-Match` or `If-Modified-Since` says."},
        **UNKNOWN,
        **CONFLICT,
        **described(
            _400="There is no such variant.",
            _410="The file is no longer on disk.",
            _416="It has no such part.",
        ),
    },
    summary="Download a video",
)
async def content(
    video_id: str,
    request: Request,
    service: Annotated[Service, Depends(service_of)],
    variant: Annotated[Asset, Query(description="A spritesheet is a grid of frames.")] = (
        Asset.VIDEO
    ),
) -> Response:
    """The MP4, or a JPEG of it. `Range` works, so players can seek and downloads can go on."""
    job = await find(service, video_id)
    if variant is Asset.VIDEO:
        return await stored_file(request, service, job, VIDEO, file_name(service.kind, job))
    if variant is Asset.SPRITESHEET:
        await _make_once(request, service, job)
    picture = THUMBNAIL if variant is Asset.THUMBNAIL else SPRITESHEET
    return await stored_file(request, service, job, picture)


async def _make_once(request: Request, service: Service, job: Job) -> None:
    sheet = published_path(service, job, SPRITESHEET)
    if await asyncio.to_thread(sheet.is_file):
        return
    async with _turns_of(request).turn(who(request.scope)):  # whoever waited here finds it made
        if not await asyncio.to_thread(sheet.is_file):
            video = await published_file(service, job, VIDEO)
            await asyncio.to_thread(make_spritesheet, video, sheet)


def _turns_of(request: Request) -> Turns:
    """One for all callers of an application."""
    state = request.app.state
    if not hasattr(state, "sheet_turns"):
        state.sheet_turns = Turns("spritesheets", 1, SHEET_PATIENCE_SECONDS)
    turns: Turns = state.sheet_turns
    return turns
