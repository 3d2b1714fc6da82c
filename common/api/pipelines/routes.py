"""``/pipelines``: send, list, read, watch, cancel, retry, remove."""

import hashlib
from collections.abc import AsyncIterator
from secrets import token_hex
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from common.api.bodies.body import read_body
from common.api.bodies.once import OnceParam
from common.api.door.event_ids import check_more
from common.api.live.event_stream import LastEventId, sent, stream_of
from common.api.live.wholes import News
from common.api.pipelines import accepting
from common.api.pipelines.accepting import conductor_of, shown
from common.api.pipelines.body import READER, PipelineRequest, fingerprint_text
from common.api.pipelines.conductor import Conductor
from common.api.pipelines.examples import BODY
from common.api.pipelines.feed import PipelineFeeds
from common.api.pipelines.views import PipelineListView, PipelineView
from common.api.routes.paging import Cursor, Limit
from common.api.routes.views import ErrorView
from common.api.service import Service, service_of
from common.jobs.model import KeyUse


async def _conductor(request: Request) -> Conductor:
    return conductor_of(request)


router = APIRouter(prefix="/pipelines", tags=["Pipelines"])
ServiceParam = Annotated[Service, Depends(service_of)]
ConductorParam = Annotated[Conductor, Depends(_conductor)]

_UNKNOWN: dict[int | str, dict[str, Any]] = {
    404: {"model": ErrorView, "description": "No such pipeline."}
}
_CONFLICT: dict[int | str, dict[str, Any]] = {
    409: {"model": ErrorView, "description": "The state of the pipeline does not allow it."}
}
_NO_SECRET: dict[int | str, dict[str, Any]] = {
    501: {"model": ErrorView, "description": "Callers have keys, and there is no STACK_SECRET."}
}
_NO_ROOM: dict[int | str, dict[str, Any]] = {
    429: {
        "model": ErrorView,
        "description": "Too many pipelines are unfinished; try again after `Retry-After` seconds.",
    }
}
_REFUSED: dict[int | str, dict[str, Any]] = _NO_ROOM | {
    status: {"model": ErrorView, "description": text}
    for status, text in {
        409: "`Idempotency-Key`: its first request is under way, or its pipeline was deleted.",
        413: "The body is over the limit.",
        415: "It is no JSON.",
        422: "A field is wrong, or a step names no earlier one; `param` says where.",
        503: "The job database does not answer.",
    }.items()
}


@router.post(
    "",
    status_code=202,
    response_model=PipelineView,
    responses=_REFUSED | _NO_SECRET,
    summary="Make something in several steps",
    openapi_extra=BODY,
)
async def create(
    request: Request,
    response: Response,
    service: ServiceParam,
    conductor: ConductorParam,
    once: OnceParam,
) -> PipelineView:
    """Queue a pipeline. Poll `GET /pipelines/{id}`, or watch its events.

    Each step is an ordinary job of a service, and begins when the one before is completed.
    `{"step": "clip"}` in a body stands for `{"job": id}` of an earlier step. A 202 means that the
    pipeline is on disk: it goes on after crashes and restarts, and each step is made once.
    """
    async with read_body(request, READER) as wanted:
        pipeline_id = token_hex(16)
        if once.key is None:
            made = await accepting.accept(service, conductor, wanted, pipeline_id, None)
        else:
            with once.alone():
                use = _use(once.key, wanted, once.seconds)
                made = await accepting.accept(service, conductor, wanted, pipeline_id, use)
            if made.id != pipeline_id:
                once.replay()
    response.headers["Location"] = f"/pipelines/{made.id}"
    return shown(made, conductor)


def _use(key: str, wanted: PipelineRequest, seconds: float) -> KeyUse:
    fingerprint = hashlib.sha256(fingerprint_text(wanted).encode()).hexdigest()
    return KeyUse(key=key, fingerprint=fingerprint, seconds=seconds)


@router.get("", summary="List pipelines")
async def list_all(
    service: ServiceParam,
    conductor: ConductorParam,
    cursor: Cursor = None,
    limit: Limit = 20,
) -> PipelineListView:
    """Pipelines without their steps, newest first, a page at a time."""
    return await accepting.list_pipelines(service, conductor, cursor, limit)


@router.get("/{pipeline_id}", responses=_UNKNOWN, summary="Read a pipeline")
async def read_one(
    pipeline_id: str, service: ServiceParam, conductor: ConductorParam
) -> PipelineView:
    """The pipeline, and every step: its job, its state, and why it failed."""
    store = service.queue.store
    return shown(await service.queue.read(store.pipeline, pipeline_id), conductor)


async def _watched(
    pipeline_id: str,
    request: Request,
    service: ServiceParam,
    last_event_id: LastEventId = None,
) -> AsyncIterator[News[PipelineView]]:
    """Before the stream begins: an unknown pipeline is a 404, as everywhere."""
    pipeline = await service.queue.read(service.queue.store.pipeline, pipeline_id)
    if pipeline.ended:  # a retry begins it anew
        check_more(last_event_id)
    feeds = request.app.state.pipeline_feeds
    assert isinstance(feeds, PipelineFeeds)  # noqa: S101  # set by create_app
    return feeds.follow(pipeline_id, last_event_id)


@router.get(
    "/{pipeline_id}/events",
    response_class=EventSourceResponse,
    responses=stream_of("pipeline"),
    summary="Watch a pipeline",
)
async def watch_pipeline(
    events: Annotated[AsyncIterator[News[PipelineView]], Depends(_watched)],
) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events: the pipeline at once, and again at each change, until it has ended.

    `event` is `state` where its state or its step is new, else `progress`; `data` is the pipeline
    as `GET /pipelines/{id}` gives it.
    """
    async for news in events:
        yield sent(news, news.text)


@router.post("/{pipeline_id}/cancel", responses=_UNKNOWN | _CONFLICT, summary="Cancel a pipeline")
async def cancel(
    pipeline_id: str, service: ServiceParam, conductor: ConductorParam
) -> PipelineView:
    """Cancel the job of its step, and begin no other. What is completed stays."""
    return shown(await accepting.cancel(service, conductor, pipeline_id), conductor)


@router.post(
    "/{pipeline_id}/retry",
    status_code=202,
    responses=_UNKNOWN | _CONFLICT | _NO_ROOM | _NO_SECRET,
    summary="Retry from the step that failed",
)
async def retry(pipeline_id: str, service: ServiceParam, conductor: ConductorParam) -> PipelineView:
    """Go on with a pipeline that has failed or was cancelled: completed steps keep their jobs.

    A step whose file is gone, so that a later one could not be made, is made anew.
    """
    return shown(await accepting.retry(service, conductor, pipeline_id), conductor)


@router.delete(
    "/{pipeline_id}",
    status_code=204,
    responses=_UNKNOWN | _CONFLICT,
    summary="Remove a pipeline",
)
async def delete(pipeline_id: str, service: ServiceParam) -> None:
    """Forget a pipeline that has ended. Its jobs, and their files, are their services' own."""
    await service.queue.call(service.queue.store.delete_pipeline, pipeline_id)
