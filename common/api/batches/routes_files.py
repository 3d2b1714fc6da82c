"""``GET /batches/{id}/manifest`` and ``/download``."""

from contextlib import AbstractContextManager, ExitStack
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
from common.api.door.callers import who
from common.api.door.places import Places
from common.api.routes.views import ErrorView
from common.api.service import Service, service_of

router = APIRouter(prefix="/batches", tags=["Batches"])
ServiceParam = Annotated[Service, Depends(service_of)]

_ZIP: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/zip": {}}, "description": "The archive."},
    410: {"model": ErrorView, "description": "The files are no longer on disk."},
    503: {"model": ErrorView, "description": "Too many ZIPs are being sent; `Retry-After`."},
}


class ArchiveResponse(Response):
    """Sends a ZIP while it is made. It has a place, and its files open, as long as that takes."""

    media_type = "application/zip"

    def __init__(self, contents: Contents, place: AbstractContextManager[None]) -> None:
        super().__init__()
        self._contents = contents
        self._place = place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it. Raises Busy."""
        with self._place, ExitStack() as opened:
            archive = await run_in_threadpool(archive_of, self._contents, opened)
            headers = {
                "Content-Length": str(len(archive)),
                "Content-Disposition": self._contents.archive_name.attachment,
            }
            answer = StreamingResponse(archive, 200, headers, self.media_type)
            await answer(scope, receive, send)


@router.get("/{batch_id}/manifest", responses=UNKNOWN, summary="List what a batch has made")
async def manifest(batch_id: str, service: ServiceParam) -> ManifestView:
    """What is finished, with prompt, seed, parameters and checkpoint, and what is missing."""
    contents = await contents_of(service, batch_id)
    return manifest_of(contents, contents.clips)


@router.get(
    "/{batch_id}/download",
    response_class=StreamingResponse,
    responses=_ZIP | UNKNOWN | CONFLICT,
    summary="Download what a batch has made",
)
async def download(batch_id: str, request: Request, service: ServiceParam) -> Response:
    """A ZIP of the files that are finished now, and `manifest.json`; its length is known before.

    Two archives at once are sent to each caller.
    """
    contents = await contents_of(service, batch_id, on_disk=True)
    check_finished(contents, service.kind.noun)
    places = request.app.state.archives
    assert isinstance(places, Places)  # noqa: S101  # set by create_app
    return ArchiveResponse(contents, places.place(who(request.scope)))
