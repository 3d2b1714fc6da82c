"""``/v1/videos``: create, list, read, remove, remix. The same jobs as below ``/jobs``."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from common.api.bodies.json_text import StrictRoute
from common.api.bodies.once import OnceParam
from common.api.door.openai_errors import PREFIX, described
from common.api.door.openapi import without_null
from common.api.routes.acting import find, remove
from common.api.service import Service, service_of
from common.base.errors import JobNotFound
from common.jobs.model import Job
from common.kinds.video.openai.create import create_job, remix_job
from common.kinds.video.openai.requests import CreateVideo, RemixVideo
from common.kinds.video.openai.views import DeletedView, VideoListView, VideoView, video_view

router = APIRouter(prefix=f"{PREFIX}/videos", tags=["OpenAI"], route_class=StrictRoute)
ServiceParam = Annotated[Service, Depends(service_of)]

POLL_AFTER_MS = 500
"""How soon their client asks again; it takes its own second where nobody says."""

_SCHEMA = CreateVideo.model_json_schema(ref_template="#/components/schemas/{model}")
_DEFINED = _SCHEMA.pop("$defs")
_REFERENCES = [_DEFINED[name] for name in ("ImageReference", "FrameReference")]
_SCHEMA["properties"]["input_reference"] = {"anyOf": [*_REFERENCES, {"type": "null"}]}
_FILE = {"type": "string", "format": "binary", "description": "A picture, or a video."}
_FIELDS = without_null(_SCHEMA)
_FORM = {**_FIELDS, "properties": {**_FIELDS["properties"], "input_reference": _FILE}}
CREATE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": _SCHEMA},
            "multipart/form-data": {"schema": _FORM},
        },
    }
}
CREATE_ERRORS = described(
    _400="A field is wrong, or the model cannot make that; `param` names it.",
    _404="Another model is asked for, or a job that is named is not there.",
    _409="`Idempotency-Key`: its first request is under way, or its job was deleted. Or a job that "
    "is named is not finished.",
    _410="The file of a job that is named is gone.",
    _413="The body is over the limit.",
    _415="Neither JSON nor multipart.",
    _429="The queue is full; try again after `Retry-After` seconds.",
    _503="The job database does not answer.",
    _507="Too little disk space is left.",
)
UNKNOWN = described(_404="No such video.")
_LIST_ERRORS = described(_400="A parameter is wrong.", _404="There is no such `after`.")
CONFLICT = described(_409="The video's status does not allow it.")


@router.post("", openapi_extra=CREATE_BODY, responses=CREATE_ERRORS, summary="Make a video")
async def create(
    request: Request, response: Response, service: ServiceParam, once: OnceParam
) -> VideoView:
    """Queue a video. Fields may also come inside `extra_body` or `extra_params`.

    `size` and `seconds` of the answer are what is really made: inside the model's range the
    nearest to what was asked, as `GET /jobs/{id}` explains under `adjustments`.
    """
    return _shown(await create_job(request, service, once), service, response)


@router.get("", responses=_LIST_ERRORS, summary="List videos")
async def list_videos(
    service: ServiceParam,
    after: Annotated[str | None, Query(description="`last_id` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    order: Annotated[Literal["asc", "desc"], Query(description="By time of creation.")] = "desc",
) -> VideoListView:
    """All jobs of this service, newest first, a page at a time."""
    cursor = None if after is None else await _place(service, after)
    page = await service.queue.read(
        service.queue.store.page, cursor=cursor, limit=limit, oldest_first=order == "asc"
    )
    live = service.supervisor.live
    data = [video_view(job, live.get(job.id)) for job in page.jobs]
    return VideoListView(
        data=data,
        first_id=data[0].id if data else None,
        last_id=data[-1].id if data else None,
        has_more=page.next_cursor is not None,
    )


@router.get("/{video_id}", responses=UNKNOWN, summary="Read a video's status")
async def retrieve(video_id: str, response: Response, service: ServiceParam) -> VideoView:
    """Status and progress. A cancelled job is `failed`, with `cancelled` as its error's code."""
    return _shown(await find(service, video_id), service, response)


@router.delete("/{video_id}", responses=UNKNOWN | CONFLICT, summary="Remove a video")
async def delete(video_id: str, service: ServiceParam) -> DeletedView:
    """Forget an ended job and delete its files. `POST /jobs/{id}/cancel` ends one that runs."""
    await remove(service, video_id)
    return DeletedView(id=video_id)


@router.post(
    "/{video_id}/remix", responses=CREATE_ERRORS | UNKNOWN | CONFLICT, summary="Make it anew"
)
async def remix(
    video_id: str,
    body: RemixVideo,
    request: Request,
    response: Response,
    service: ServiceParam,
    once: OnceParam,
) -> VideoView:
    """The same job with another prompt: same size, length, seed, picture and options."""
    source = await find(service, video_id)
    job = await remix_job(request, service, once, source, body.prompt)
    return _shown(job, service, response)


def _shown(job: Job, service: Service, response: Response) -> VideoView:
    if not job.ended:
        response.headers["openai-poll-after-ms"] = str(POLL_AFTER_MS)
    return video_view(job, service.supervisor.live.get(job.id))


async def _place(service: Service, after: str) -> str:
    """The store's cursor behind a video."""
    try:
        return str((await find(service, after)).number)
    except JobNotFound as exc:
        raise JobNotFound(
            "after is no video of ours, or it was removed.",
            param="after",
            hint="Use last_id of the last page, or begin again without after.",
        ) from exc
