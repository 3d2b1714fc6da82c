"""``/ui``: the page for people. Its files lie in ``page/`` and are served as they are.

What is of the kind of work alone, the kind brings: a folder, served below the page, with an entry
``kind.js``. What the page asks of it stands in ``page/work.js``.
"""

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field
from starlette.middleware.gzip import GZipMiddleware

from common.api.bodies.multipart import MOST_TEXT_BYTES
from common.api.service import Service, service_of
from common.api.ui.pages import Files, policy_of
from common.base.settings import MIB
from common.base.settings.page import siblings_of

FILES = Path(__file__).parent / "page"
PAGE = "/ui/"
KIND = "/ui/kind"

_POLICY = policy_of(
    img_src="'self' blob:",  # blob: a picture that was dropped on the page
    media_src="'self' blob:",
    require_trusted_types_for="'script'",  # no text of a job can become HTML
)

router = APIRouter(include_in_schema=False)


class SiblingView(BaseModel):
    """Another service of the same stack."""

    name: str
    url: str = Field(description="A web address, or `:port` on the page's own host.")


class ConfigView(BaseModel):
    """What the page must know before it asks anything else."""

    model: str
    siblings: list[SiblingView]
    uploads: dict[str, int] = Field(description="Checked in the page, before megabytes travel.")


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
        uploads=_upload_limits(service),
    )


def _upload_limits(service: Service) -> dict[str, int]:
    settings = service.settings
    own = service.kind.page_limits(settings)
    body = int(settings.max_body_mb * MIB)
    return {"max_body_bytes": body, "max_text_bytes": MOST_TEXT_BYTES, **own}


def install_page(app: FastAPI, kind: Path) -> None:
    """Serve the page, the kind's part of it from the folder ``kind``, and its configuration."""
    app.include_router(router)
    app.mount(KIND, GZipMiddleware(Files(kind, _POLICY)), name="ui-kind")
    app.mount("/ui", GZipMiddleware(Files(FILES, _POLICY)), name="ui")
