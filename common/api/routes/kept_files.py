"""Answers files on disk: whole, in parts, or 304 where the client has them already.

A published file never changes, so what the disk says of it is as good as its content's digest.
"""

import os
import re
from collections.abc import Mapping
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, Response
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from common.api.routes.file_names import FileName
from common.base.errors import FileGone, RangeNotSatisfiable

CACHE = "private, no-cache"
"""Files have owners, and can be deleted: kept by one browser only, and asked about each time."""
_RANGE = re.compile(r"(\d{1,18})-(\d{0,18})|-(\d{1,18})")
_UNIT = "bytes="


async def kept_file(
    request: Request,
    path: Path,
    media_type: str,
    name: FileName | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer that a file is, to be saved under a ``name`` where there is one.

    Raises:
        FileGone: it was removed just now.
        RangeNotSatisfiable: a part is asked for that it does not have.
    """
    try:
        found = await run_in_threadpool(path.stat)
    except FileNotFoundError as exc:
        raise FileGone("The file is no longer on disk.", hint="Make it again.") from exc
    said = {**(headers or {}), **_validators(found), "Cache-Control": CACHE}
    if name is not None:
        said["Content-Disposition"] = name.attachment
    if request.method != "GET":  # conditions and parts are a reader's; HEAD comes as GET
        return _File(path, said, media_type, found, whole=True)
    if _is_known(request.headers, said):
        return Response(status_code=304, headers=said)
    whole = not _asks_for_parts(request.headers, said, found.st_size)
    return _File(path, said, media_type, found, whole=whole)


class _File(FileResponse):
    def __init__(
        self,
        path: Path,
        headers: Mapping[str, str],
        media_type: str,
        found: os.stat_result,
        *,
        whole: bool,
    ) -> None:
        super().__init__(path, headers=headers, media_type=media_type, stat_result=found)
        self._whole = whole

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; a Range that nobody can read counts as none (RFC 9110, 14.2)."""
        if self._whole:
            scope = {**scope, "headers": [one for one in scope["headers"] if one[0] != b"range"]}
        await super().__call__(scope, receive, send)


def _validators(found: os.stat_result) -> dict[str, str]:
    return {
        "ETag": f'"{found.st_mtime_ns:x}-{found.st_size:x}"',
        "Last-Modified": formatdate(found.st_mtime, usegmt=True),
    }


def _is_known(asked: Headers, said: Mapping[str, str]) -> bool:
    """Whether the client has it: by the tag, else by the time (RFC 9110, 13.2.2)."""
    tags = asked.get("if-none-match")
    if tags is not None:
        known = {tag.strip().removeprefix("W/") for tag in tags.split(",")}
        return not known.isdisjoint(("*", said["ETag"]))
    since = asked.get("if-modified-since", "")
    try:
        return parsedate_to_datetime(since) >= parsedate_to_datetime(said["Last-Modified"])
    except (TypeError, ValueError, OverflowError):  # no date, or one without a zone
        return False


def _asks_for_parts(asked: Headers, said: Mapping[str, str], size: int) -> bool:
    """Whether parts are asked for that there are. Raises RangeNotSatisfiable."""
    condition = asked.get("if-range")
    if condition not in (None, said["ETag"], said["Last-Modified"]):
        return False  # the client has parts of another file
    unit, ranges = asked.get("range", "")[: len(_UNIT)], asked.get("range", "")[len(_UNIT) :]
    parts = [_RANGE.fullmatch(part.strip()) for part in ranges.split(",")]
    if unit.lower() != _UNIT or not all(parts):
        return False
    spans = [_span(part, size) for part in parts if part]
    if any(end is not None and end < start for start, end in spans):
        return False
    if any(start >= size for start, _ in spans):
        raise RangeNotSatisfiable(size)
    return True


def _span(part: re.Match[str], size: int) -> tuple[int, int | None]:
    first, last, suffix = part.groups()
    if suffix is not None:
        return max(0, size - int(suffix)), None
    return int(first), int(last) if last else None
