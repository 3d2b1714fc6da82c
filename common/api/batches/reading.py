"""Batches as a client reads them now: the records, their jobs, what the worker said last."""

from collections.abc import Collection, Sequence

from common.api.batches.views import BatchListView, BatchSummary, BatchView, batch_view
from common.api.service import Service
from common.jobs.batches import Batch, BatchPage, Glance
from common.jobs.model import Progress
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
    return page, _by_batch(store, [batch.id for batch in page.batches])


def _by_batch(store: JobStore, batch_ids: Sequence[str]) -> dict[str, list[Glance]]:
    jobs: dict[str, list[Glance]] = {}
    for glance in store.glances(batch_ids):
        jobs.setdefault(glance.batch, []).append(glance)
    return jobs


_Seen = tuple[Batch, list[Glance], dict[str, Progress]]


class WatchedBatches:
    """Batches that are looked at again and again: what has not changed is not made anew."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._shown: dict[str, tuple[_Seen, BatchView]] = {}

    async def look(self, batch_ids: Collection[str]) -> dict[str, BatchView]:
        """All of them as they are now; those that were deleted are left out."""
        queue = self._service.queue
        found, jobs = await queue.read(_look_at_all, queue.store, tuple(batch_ids))
        live = self._service.supervisor.live
        shown = {}
        for batch in found:
            glances = jobs.get(batch.id, [])
            said = {job.id: live[job.id] for job in glances if job.id in live}
            shown[batch.id] = self._as_before((batch, glances, said))
        self._shown = shown
        return {batch_id: view for batch_id, (_, view) in shown.items()}

    def _as_before(self, seen: _Seen) -> tuple[_Seen, BatchView]:
        before = self._shown.get(seen[0].id)
        if before is not None and before[0] == seen:
            return before
        return seen, _named(self._service, batch_view(*seen))


def _look_at_all(
    store: JobStore, batch_ids: Sequence[str]
) -> tuple[list[Batch], dict[str, list[Glance]]]:
    return store.batches(batch_ids), _by_batch(store, batch_ids)
