"""``/jobs/{id}/...``: the files of a finished job, as its kind of work names them."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import FileResponse

from common.api.routes.acting import find
from common.api.routes.file_names import file_name
from common.api.routes.stored_files import stored_file
from common.api.routes.views import ErrorView
from common.api.service import Service, service_of
from common.contract import Kind, PublishedFile
from common.contract.kind import main_file, routed

_ERRORS: dict[int | str, dict[str, Any]] = {
    404: {"model": ErrorView, "description": "No such job."},
    409: {"model": ErrorView, "description": "The job's state does not allow it."},
    410: {"model": ErrorView, "description": "The file is no longer on disk."},
    416: {"model": ErrorView, "description": "It has no such part."},
    307: {"description": "A bucket has it: follow `Location`, which is good for a while."},
    503: {"model": ErrorView, "description": "It is in a bucket that does not answer."},
    304: {"description": "It is what `If-None-Match` or `If-Modified-Since` says."},
}


def file_routes(kind: Kind) -> APIRouter:
    """A route for each file that has one."""
    router = APIRouter(prefix="/jobs", tags=["Jobs"])
    for file in routed(kind):
        _add(router, kind, file)
    return router


def _add(router: APIRouter, kind: Kind, file: PublishedFile) -> None:
    main = file is main_file(kind)

    async def answer(
        job_id: str, request: Request, service: Annotated[Service, Depends(service_of)]
    ) -> Response:
        job = await find(service, job_id)
        asked = main_file(kind, job.result) if main else file
        saved_as = file_name(kind, job) if main else None
        return await stored_file(request, service, job, asked, saved_as)

    types: dict[str, Any] = {one.media_type: {} for one in kind.files if one.route == file.route}
    content: dict[str, Any] = {"content": types}
    router.add_api_route(
        f"/{{job_id}}/{file.route}",
        answer,
        name=file.route,
        response_class=FileResponse,
        responses={
            200: {**content, "description": "The file."},
            206: {**content, "description": "The part that `Range` asked for."},
            **_ERRORS,
        },
        summary=file.summary,
        description=file.description,
    )
