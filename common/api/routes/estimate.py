"""What a request will need, as far as it is known: memory by the model, corrected by experience."""

import asyncio

from common.api.routes.views import MemoryEstimate
from common.api.service import Service
from common.contract import Resolved


async def estimate_memory(service: Service, request: Resolved) -> MemoryEstimate | None:
    """Bytes; None until the checkpoint is on disk."""
    return await asyncio.to_thread(_memory, service, request)


def _memory(service: Service, request: Resolved) -> MemoryEstimate | None:
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
