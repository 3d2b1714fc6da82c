"""``/ui``: the page for people. Its files lie in ``ui/`` and are served as they are."""

import os
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from common.api.service import Service, service_of
from common.settings import MIB, Settings
from common.settings_ui import siblings_of

FILES = Path(__file__).parent / "ui"
PAGE = "/ui/"

_CONTENT_SECURITY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",  # blob: a picture that was dropped on the page
        "media-src 'self' blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",  # no text of a job can become HTML
    )
)
_HEADERS = {
    "Content-Security-Policy": _CONTENT_SECURITY,
    # Asked again each time, and answered 304: a new version is seen at once.
    "Cache-Control": "no-cache",
}

router = APIRouter(include_in_schema=False)


class SiblingView(BaseModel):
    """Another service of the same stack."""

    name: str
    url: str = Field(description="A web address, or `:port` on the page's own host.")


class UploadLimits(BaseModel):
    """Checked in the page already, before megabytes travel."""

    max_body_bytes: int
    max_video_bytes: int
    max_image_pixels: int


class ConfigView(BaseModel):
    """What the page must know before it asks anything else."""

    model: str
    siblings: list[SiblingView]
    uploads: UploadLimits


class Page(StaticFiles):
    """Static files with an ETag, none of which may load or send anything elsewhere."""

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers.update(_HEADERS)
        return response


@router.get("/ui")
async def page() -> RedirectResponse:
    """The slash matters: the page's files are named relative to it."""
    return RedirectResponse(PAGE)


@router.get("/ui/config")
async def config(service: Annotated[Service, Depends(service_of)]) -> ConfigView:
    """The model, the stack's other services, and limits."""
    siblings = siblings_of(service.settings.siblings)
    return ConfigView(
        model=service.spec.id,
        siblings=[SiblingView(name=name, url=url) for name, url in siblings],
        uploads=_upload_limits(service.settings),
    )


def _upload_limits(settings: Settings) -> UploadLimits:
    return UploadLimits(
        max_body_bytes=int(settings.max_body_mb * MIB),
        max_video_bytes=int(settings.max_input_video_mb * MIB),
        max_image_pixels=settings.max_image_pixels,
    )


def install_page(app: FastAPI) -> None:
    """Serve the page and its configuration."""
    app.include_router(router)
    page_files = Page(directory=FILES, html=True)
    app.mount("/ui", GZipMiddleware(page_files), name="ui")
