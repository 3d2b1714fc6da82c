"""Files for browsers: sent as they are, with an ETag, under a policy of their own."""

import os
from collections.abc import Mapping
from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope


def policy_of(**rules: str) -> str:
    """A Content-Security-Policy: nothing from elsewhere, no frame around it, and ``rules``."""
    base = {
        "default_src": "'none'",
        "script_src": "'self'",
        "style_src": "'self'",
        "connect_src": "'self'",
        "base_uri": "'none'",
        "form_action": "'none'",
        "frame_ancestors": "'none'",
    }
    named = {name.replace("_", "-"): value for name, value in (base | rules).items()}
    return "; ".join(f"{name} {value}" for name, value in named.items())


class Files(StaticFiles):
    """A folder's files, and perhaps a package's; asked for again each time, and answered 304."""

    def __init__(
        self, directory: Path, policy: str, packages: list[str | tuple[str, str]] | None = None
    ) -> None:
        super().__init__(directory=directory, packages=packages, html=True)
        self._headers: Mapping[str, str] = {
            "Content-Security-Policy": policy,
            "Cache-Control": "no-cache",  # a new version is seen at once
        }

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers.update(self._headers)  # a 304's, too: a browser keeps what it says
        return response
