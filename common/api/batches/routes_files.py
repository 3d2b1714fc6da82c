"""``GET /batches/{id}/manifest`` and ``/download``."""

import asyncio
from contextlib import ExitStack
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from common.api.batches.files import (
    Contents,
    ManifestView,
    archive_of,
    check_finished,
    contents_of,
    manifest_of,
)
from common.api.batches.routes_follow import CONFLICT, UNKNOWN
from common.api.service import Service, service_of
from common.api.views import ErrorView

router = APIRouter(prefix="/batches", tags=["Batches"])
ServiceParam = Annotated[Service, Depends(service_of)]

_ZIP: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/zip": {}}, "description": "The archive."},
    410: {"model": ErrorView, "description": "The files are no longer on disk."},
}


class ArchiveResponse(Response):
    """Sends a ZIP while it is made. Its files are open as long as the answer takes."""

    media_type = "application/zip"

    def __init__(self, contents: Contents, turn: asyncio.Semaphore) -> None:
        super().__init__()
        self._contents = contents
        self._turn = turn

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait for the turn, and send."""
        async with self._turn:
            with ExitStack() as opened:
                archive = await run_in_threadpool(archive_of, self._contents, opened)
                headers = {
                    "Content-Length": str(len(archive)),
                    "Content-Disposition": self._contents.archive_name.attachment,
                }
                answer = StreamingResponse(archive, 200, headers, self.media_type)
                await answer(scope, receive, send)


@router.get("/{batch_id}/manifest", responses=UNKNOWN, summary="List a batch's videos")
async def manifest(batch_id: str, service: ServiceParam) -> ManifestView:
    """The finished videos with prompt, seed, parameters and checkpoint, and what is missing."""
    contents = await contents_of(service, batch_id)
    return manifest_of(contents, contents.clips)


@router.get(
    "/{batch_id}/download",
    response_class=StreamingResponse,
    responses=_ZIP | UNKNOWN | CONFLICT,
    summary="Download a batch's videos",
)
async def download(batch_id: str, request: Request, service: ServiceParam) -> Response:
    """A ZIP of the videos that are finished now, and `manifest.json`; its length is known before.

    Two archives are sent at once; a third waits.
    """
    contents = await contents_of(service, batch_id)
    check_finished(contents)
    return ArchiveResponse(contents, request.app.state.archive_turn)
