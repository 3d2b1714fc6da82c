"""Answers files of finished jobs: from disk while they are there, and then from the bucket."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from http import HTTPStatus
from typing import TYPE_CHECKING

import anyio
from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from common.api.routes.acting import bucket_of, is_away, published_file
from common.api.routes.file_names import FileName
from common.api.routes.kept_files import CACHE, kept_file
from common.api.service import Service
from common.base.errors import FileGone, RangeNotSatisfiable
from common.contract import PublishedFile
from common.jobs.model import Job

if TYPE_CHECKING:  # a service without a bucket does not import what reads one
    from common.publishing.bucket.bucket import Bucket
    from common.publishing.bucket.reading import Opened

_PASSED_ON = ("content-length", "content-range", "accept-ranges", "etag", "last-modified")


async def stored_file(
    request: Request,
    service: Service,
    job: Job,
    file: PublishedFile,
    name: FileName | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer that a file of a job is, to be saved under a ``name`` where there is one.

    Raises:
        JobConflict, FileGone, NoPreview, StorageUnavailable: as ``published_file``.
        RangeNotSatisfiable: a part is asked for that it does not have.
        BucketUnavailable: it is in the bucket alone, which does not answer.
    """
    if not await is_away(service, job, file):
        path = await published_file(service, job, file)
        return await kept_file(request, path, file.media_type, name, headers)
    bucket, said = bucket_of(service, job), {} if name is None else _saved_as(name)
    if service.settings.s3_downloads == "presigned" and not _is_in_page(request):
        return await _elsewhere(bucket, job, file, said)
    return await _passed_on(request, bucket, job, file, {**(headers or {}), **said})


def _is_in_page(request: Request) -> bool:
    """Whether a page shows it: ours let in nothing from other servers (Fetch Metadata, 2.1)."""
    return request.headers.get("sec-fetch-dest", "document") != "document"


def _saved_as(name: FileName) -> dict[str, str]:
    return {"Content-Disposition": name.attachment}


async def _elsewhere(
    bucket: "Bucket", job: Job, file: PublishedFile, said: Mapping[str, str]
) -> Response:
    told = {f"response-{header.lower()}": value for header, value in said.items()}
    address = await run_in_threadpool(bucket.address, job, file.name, told)
    return RedirectResponse(address, headers={"Cache-Control": "no-store"})


async def _passed_on(
    request: Request, bucket: "Bucket", job: Job, file: PublishedFile, said: Mapping[str, str]
) -> Response:
    from common.publishing.bucket.reading import NoSuchObject

    reader = request.method == "GET"  # conditions and parts are a reader's
    async with AsyncExitStack() as stack:
        asked = dict(request.headers) if reader else {}
        try:
            opened = await stack.enter_async_context(bucket.read(job, file.name, asked))
        except NoSuchObject as exc:
            raise FileGone("The bucket does not have the file any more.") from exc
        if opened.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise RangeNotSatisfiable(_whole_size(opened))
        passed = {name: opened.headers[name] for name in _PASSED_ON if name in opened.headers}
        headers = {**passed, **said, "Cache-Control": CACHE}
        return _Passed(opened, headers, file.media_type, stack.pop_all())
    raise AssertionError  # pragma: no cover  # the stack suppresses nothing


def _whole_size(opened: "Opened") -> int:
    size = opened.headers.get("content-range", "").rpartition("/")[2]
    return int(size) if size.isdigit() else 0


class _Passed(StreamingResponse):
    """Sends an object on, and closes it, however that ends."""

    def __init__(
        self, opened: "Opened", headers: Mapping[str, str], media_type: str, stack: AsyncExitStack
    ) -> None:
        super().__init__(opened.chunks, opened.status, headers, media_type)
        self._stack = stack

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            with anyio.CancelScope(shield=True):
                await self._stack.aclose()
