"""``/batches``: list, read, watch, cancel, retry, remove."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.sse import EventSourceResponse, ServerSentEvent

from common.api.batches.accepting import retry_failed
from common.api.batches.feed import BatchFeeds
from common.api.batches.files import batch_with_jobs
from common.api.batches.reading import list_batches, read_batch
from common.api.batches.views import BatchListView, BatchView, ended
from common.api.door.event_ids import check_more
from common.api.live.event_stream import LastEventId, sent, stream_of
from common.api.live.wholes import News
from common.api.routes.acting import check_removable, remove_files
from common.api.routes.paging import Cursor, Limit
from common.api.routes.views import ErrorView
from common.api.service import Service, service_of

router = APIRouter(prefix="/batches", tags=["Batches"])
ServiceParam = Annotated[Service, Depends(service_of)]

UNKNOWN: dict[int | str, dict[str, Any]] = {
    404: {"model": ErrorView, "description": "No such batch."}
}
CONFLICT: dict[int | str, dict[str, Any]] = {
    409: {"model": ErrorView, "description": "The state of the batch does not allow it."}
}
_NO_ROOM: dict[int | str, dict[str, Any]] = {
    410: {"model": ErrorView, "description": "What a job begins with is no longer on disk."},
    429: {"model": ErrorView, "description": "The queue has no room for all; nothing was made."},
}


@router.get("", summary="List batches")
async def list_all(
    service: ServiceParam,
    cursor: Cursor = None,
    limit: Limit = 20,
) -> BatchListView:
    """Batches without their members, newest first, a page at a time."""
    return await list_batches(service, cursor, limit)


@router.get("/{batch_id}", responses=UNKNOWN, summary="Read a batch")
async def read_one(batch_id: str, service: ServiceParam) -> BatchView:
    """The batch, and every member: its job, its state, and why it has no file."""
    return await read_batch(service, batch_id)


async def _watched(
    batch_id: str,
    request: Request,
    service: ServiceParam,
    last_event_id: LastEventId = None,
) -> AsyncIterator[News[BatchView]]:
    """Before the stream begins: an unknown batch is a 404, as everywhere."""
    batch = await read_batch(service, batch_id)
    if ended(batch.state):  # a retry begins it anew
        check_more(last_event_id)
    feeds = request.app.state.batch_feeds
    assert isinstance(feeds, BatchFeeds)  # noqa: S101  # set by create_app
    return feeds.follow(batch_id, last_event_id)


@router.get(
    "/{batch_id}/events",
    response_class=EventSourceResponse,
    responses=stream_of("batch"),
    summary="Watch a batch",
)
async def watch_batch(
    events: Annotated[AsyncIterator[News[BatchView]], Depends(_watched)],
) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events: the batch at once, and again at each change, until all jobs have ended.

    `event` is `state` where the state of the batch is new, else `progress`; `data` is the batch as
    `GET /batches/{id}` gives it. A client that comes back after the end with `Last-Event-ID` gets
    204, at which browsers stop asking.
    """
    async for news in events:
        yield sent(news, news.text)


@router.post("/{batch_id}/cancel", responses=UNKNOWN | CONFLICT, summary="Cancel a batch")
async def cancel_batch(batch_id: str, service: ServiceParam) -> BatchView:
    """Cancel all jobs that have not ended. What is finished stays."""
    jobs = await service.queue.call(service.queue.store.cancel_batch, batch_id)
    for job in jobs:
        service.supervisor.cancel(job)
    ended_now = [job for job in jobs if job.ended]
    await run_in_threadpool(remove_files, service.storage, service.inputs, ended_now)
    return await read_batch(service, batch_id)


@router.post(
    "/{batch_id}/retry",
    status_code=202,
    responses=UNKNOWN | CONFLICT | _NO_ROOM,
    summary="Retry what failed",
)
async def retry_batch(batch_id: str, service: ServiceParam) -> BatchView:
    """Queue a new job for every member whose job has failed, with the same request and seed.

    The failed jobs stay readable: `earlier` of the member lists them.
    """
    batch, jobs = await service.queue.read(batch_with_jobs, service.queue.store, batch_id)
    await retry_failed(service, batch, jobs)
    return await read_batch(service, batch_id)


@router.delete(
    "/{batch_id}", status_code=204, responses=UNKNOWN | CONFLICT, summary="Remove a batch"
)
async def delete_batch(batch_id: str, service: ServiceParam) -> None:
    """Forget a batch whose jobs have all ended, its jobs too, and delete their files."""
    await check_removable(service)
    jobs = await service.queue.call(service.queue.store.delete_batch, batch_id)
    await run_in_threadpool(remove_files, service.storage, service.inputs, jobs)
