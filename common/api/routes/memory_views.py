"""The shared memory pool as clients see it."""

import time
from collections.abc import Collection

from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field

from common.jobs.queue import JobQueue
from common.memory.opening import Pool
from common.memory.pool import Lease, free_bytes, order


class TicketView(BaseModel):
    """What a model's current job asked for, and how far that is."""

    stage: str = Field(description="waiting, granted, on_gpu, or tail (encoding on the CPU).")
    job_id: str | None = Field(
        description="Null while a model is warmed without a job, and where it is not your job."
    )
    total_bytes: int
    seconds_in_stage: float


class LeaseView(BaseModel):
    """One model's place in the pool."""

    model: str
    loaded: bool
    reserved_bytes: int
    used_bytes: int = Field(description="By its worker's own account, a second ago.")
    pinned: bool
    leaving: bool = Field(description="It is making room for another model.")
    answers: bool = Field(description="False: stopped or paused; its memory stays counted.")
    idle_seconds: float | None
    ticket: TicketView | None


class PoolView(BaseModel):
    """The memory that all services of this machine share. Bytes."""

    kind: str
    source: str
    total_bytes: int
    available_bytes: int
    free_bytes: int = Field(description="To hand out now: without the floor and what is promised.")
    floor_bytes: int
    limit_bytes: int | None
    swap_free_bytes: int = Field(description="Shown, never spent.")
    leases: list[LeaseView] = Field(description="Those that wait come first, in their order.")


async def pool_view(pool: Pool, queue: JobQueue) -> PoolView:
    """Read the ledger and the machine's memory; ``queue`` knows whose jobs may be named."""
    view, ids = await run_in_threadpool(_pool_view, pool)
    return _naming(view, await queue.visible(ids))


def _naming(view: PoolView, job_ids: Collection[str]) -> PoolView:
    """Without the ids of other jobs than these: the ledger knows those of all services."""
    for lease in view.leases:
        if lease.ticket and lease.ticket.job_id not in job_ids:
            lease.ticket.job_id = None
    return view


def _pool_view(pool: Pool) -> tuple[PoolView, list[str]]:
    reading, leases, now = pool.probe.read(), pool.ledger.leases(), time.monotonic()
    view = PoolView(
        kind=reading.kind,
        source=reading.source,
        total_bytes=reading.total_bytes,
        available_bytes=reading.available_bytes,
        free_bytes=max(0, free_bytes(reading, leases, pool.rules)),
        floor_bytes=pool.rules.floor_bytes,
        limit_bytes=pool.rules.pool_bytes,
        swap_free_bytes=reading.swap_free_bytes,
        leases=[_lease_view(lease, now) for lease in sorted(leases, key=order)],
    )
    tickets = [lease.ticket for lease in leases if lease.ticket]
    return view, [ticket.job_id for ticket in tickets if ticket.job_id]


def _lease_view(lease: Lease, now: float) -> LeaseView:
    ticket = lease.ticket
    return LeaseView(
        model=lease.model,
        loaded=lease.loaded,
        reserved_bytes=lease.reserved_bytes,
        used_bytes=lease.used_bytes,
        pinned=lease.pinned,
        leaving=lease.leaving,
        answers=not lease.stale(now),
        idle_seconds=round(now - lease.last_used, 1) if lease.loaded and not ticket else None,
        ticket=ticket
        and TicketView(
            stage=ticket.stage,
            job_id=ticket.job_id,
            total_bytes=ticket.total_bytes,
            seconds_in_stage=round(now - ticket.since, 1),
        ),
    )
