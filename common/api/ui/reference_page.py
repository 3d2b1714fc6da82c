"""``/docs``: the API, to read and to try. All of it comes from here, also without a network.

The viewer is Swagger UI, as the package fastapi-swagger carries it: the very files of the npm
package swagger-ui-dist. Only those are taken of it, never its code.
"""

from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.responses import FileResponse

from common.api.ui.pages import Files, policy_of

_FOLDER = Path(__file__).parent / "reference"
_VIEWER: list[str | tuple[str, str]] = [("fastapi_swagger", "resources")]
_POLICY = policy_of(
    img_src="'self' data: blob:",  # data: icons in the viewer's styles; blob: what was tried
    media_src="'self' blob:",
)

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def reference() -> FileResponse:
    """The page; its files are below it."""
    headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"}
    return FileResponse(_FOLDER / "index.html", headers=headers)


def install_reference(app: FastAPI) -> None:
    """Serve the page and its files."""
    app.include_router(router)
    app.mount("/docs", Files(_FOLDER, _POLICY, _VIEWER), name="docs")
