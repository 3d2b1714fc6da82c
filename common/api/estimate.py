"""What a request will need, as far as it is known: memory by the model, seconds by experience."""

import asyncio
from statistics import median

from common.api.service import Service
from common.api.views import MemoryEstimate
from common.contract import Phase
from common.jobs.model import Job
from common.requests import ResolvedRequest


async def estimate(
    service: Service, request: ResolvedRequest
) -> tuple[MemoryEstimate | None, float | None]:
    """Memory in bytes and seconds without loading; None is not known yet."""
    memory = await asyncio.to_thread(_memory, service, request)
    statistics = await service.queue.call(service.queue.store.statistics)
    return memory, _seconds(service, request, statistics.last_10)


def _memory(service: Service, request: ResolvedRequest) -> MemoryEstimate | None:
    fitting = service.fitting()
    if fitting is None:
        return None
    demand = service.appraiser.demand(fitting.checkpoint, request)
    return MemoryEstimate(
        load_bytes=demand.load_bytes,
        run_bytes=demand.run_bytes,
        total_bytes=demand.total_bytes,
        capacity_bytes=fitting.capacity_bytes,
        measured=demand.measured,
    )


def _seconds(service: Service, request: ResolvedRequest, jobs: tuple[Job, ...]) -> float | None:
    """The cost in FLOPs, at the pace of the last completed jobs on this machine."""
    paces = [_working_seconds(job) / service.spec.cost(job.resolved) for job in jobs if job.result]
    return round(median(paces) * service.spec.cost(request), 1) if paces else None


def _working_seconds(job: Job) -> float:
    assert job.result is not None  # noqa: S101  # the caller filtered
    timings = job.result.timings
    return sum(spent for phase, spent in timings.items() if phase != Phase.LOADING)
