"""Batches as a client reads them now: the records, their jobs, what the worker said last."""

from common.api.batches.views import BatchListView, BatchSummary, BatchView, batch_view
from common.api.service import Service
from common.jobs.batches import Batch, BatchPage, Glance
from common.jobs.store import JobStore


async def read_batch(service: Service, batch_id: str) -> BatchView:
    """Read a batch and its members. Raises BatchNotFound."""
    batch, glances = await service.queue.read(_look, service.queue.store, batch_id)
    return _named(service, batch_view(batch, glances, service.supervisor.live))


async def list_batches(service: Service, cursor: str | None, limit: int) -> BatchListView:
    """One page of batches, newest first. Raises InvalidRequest: the cursor is not one."""
    page, jobs = await service.queue.read(_look_at_page, service.queue.store, cursor, limit)
    live = service.supervisor.live
    views = [
        _named(service, batch_view(batch, jobs.get(batch.id, []), live)) for batch in page.batches
    ]
    summaries = [BatchSummary.model_validate(view.model_dump()) for view in views]
    return BatchListView(batches=summaries, next_cursor=page.next_cursor)


def _named(service: Service, view: BatchView) -> BatchView:
    variant = service.variant
    names = {"checkpoint": variant.name, "stands_in_for": variant.stands_in_for}
    return view.model_copy(update=names)


def _look(store: JobStore, batch_id: str) -> tuple[Batch, list[Glance]]:
    return store.batch(batch_id), store.glances([batch_id])


def _look_at_page(
    store: JobStore, cursor: str | None, limit: int
) -> tuple[BatchPage, dict[str, list[Glance]]]:
    page = store.batch_page(cursor=cursor, limit=limit)
    jobs: dict[str, list[Glance]] = {}
    for glance in store.glances([batch.id for batch in page.batches]):
        jobs.setdefault(glance.batch, []).append(glance)
    return page, jobs
