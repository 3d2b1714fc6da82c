"""``GET /jobs/{id}/events``: a job as it happens."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from common.api.door.event_ids import check_more
from common.api.live.event_stream import LastEventId, sent, stream_of
from common.api.live.feed import Feeds, Happening
from common.api.live.routes_preview import preview_view
from common.api.routes.acting import find
from common.api.service import Service, service_of

router = APIRouter(prefix="/jobs", tags=["Jobs"])


async def _watched(
    job_id: str,
    request: Request,
    service: Annotated[Service, Depends(service_of)],
    last_event_id: LastEventId = None,
) -> AsyncIterator[Happening]:
    """Before the stream begins: an unknown job is a 404, as everywhere."""
    if (await find(service, job_id)).ended:
        check_more(last_event_id)
    feeds = request.app.state.feeds
    assert isinstance(feeds, Feeds)  # noqa: S101  # set by create_app
    return feeds.follow(job_id, last_event_id)


@router.get(
    "/{job_id}/events",
    response_class=EventSourceResponse,
    responses=stream_of("job"),
    summary="Watch a job",
)
async def watch_job(
    events: Annotated[AsyncIterator[Happening], Depends(_watched)],
) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events: the job at once, and again at each change, until it has ended.

    `event` is `state` where the state is new, else `progress`; `data` is the job as
    `GET /jobs/{id}` gives it. A new preview picture is a `preview`, with its `step` and `url`.
    A client that comes back with `Last-Event-ID` gets what it missed; one that knows the end gets
    204, at which browsers stop asking.
    """
    async for happening in events:
        preview = happening.kind == "preview"
        data = preview_view(happening.job).model_dump_json() if preview else happening.text
        yield sent(happening, data)
