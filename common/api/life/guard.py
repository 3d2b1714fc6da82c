"""The API process' part in keeping the machine alive: the watchdog's rounds."""

import asyncio

from common.api.service import Service
from common.base.errors import CheckpointError, JobNotFound
from common.base.logs import get_logger
from common.contract.hub import locate
from common.memory.pool import Lease
from common.memory.watchdog import Alarm, Watchdog
from common.memory.words import in_gb

log = get_logger("memory")

ROUND_SECONDS = 0.5
BLIND_SECONDS = 1.0
"""The longest without a look after an error: a machine runs out of memory within seconds."""


async def keep_guard(service: Service) -> None:
    """Look at the pool until cancelled; stop the worker when it must go.

    What goes wrong ends it: its keeper starts it again.
    """
    watchdog = Watchdog(service.pool, service.spec.id)
    while True:
        alarm = await asyncio.to_thread(watchdog.look)
        if alarm is not None:
            await _shoot(service, alarm)
        await asyncio.sleep(ROUND_SECONDS)


async def _shoot(service: Service, alarm: Alarm) -> None:
    free, floor = in_gb(alarm.available_bytes), in_gb(alarm.floor_bytes)
    held = in_gb(alarm.lease.used_bytes)
    reason = f"the machine had {free} left and keeps {floor}; this worker held {held}"
    service.supervisor.shoot(reason)
    log.warning("stopped a worker to save the machine", extra={"reason": reason})
    await _learn(service, alarm.lease)


async def _learn(service: Service, lease: Lease) -> None:
    """The next try asks for more than this one took, until it is refused for good."""
    if lease.ticket is None or lease.ticket.job_id is None:
        return
    try:
        job = await service.queue.read(service.queue.store.get, lease.ticket.job_id)
        checkpoint = await asyncio.to_thread(locate, service.settings.models_dir, service.variant)
        await asyncio.to_thread(
            service.appraiser.outgrew,
            checkpoint,
            job.resolved,
            lease.used_bytes,
            lease.loaded,
            job.fused or 1,
            seen=False,
        )
    except (CheckpointError, JobNotFound):
        return
