"""What machines that share a database owe each other: a name each, and an eye on the dead."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from common.api.life.beside import beside
from common.api.service import Service
from common.base.errors import StoreUnavailable
from common.base.logs import get_logger
from common.jobs.lanes import Lane
from common.worker.supervision.rescue import Rescue
from common.worker.supervision.supervisor import Supervisor
from common.worker.supervision.take_back import files_of

if TYPE_CHECKING:  # PostgreSQL's driver is half of a second that a service on SQLite starts without
    from common.jobs.name_lock import NameLock

log = get_logger("supervisor")

LOOK_SECONDS = 1.0
"""Between looks at the connection that holds the name."""


@asynccontextmanager
async def among_machines(service: Service) -> AsyncIterator[None]:
    """Do both inside the block."""
    supervisor, files = service.supervisor, files_of(service.storage, service.volumes)
    work = {"rescue": Rescue(service.queue, service.settings, supervisor.wake, files).run}
    if (name := service.name) is not None:
        work["name_lock"] = partial(hold_name, name, supervisor)
    async with beside(service, **work):
        yield


async def hold_name(name: "NameLock", supervisor: Supervisor) -> None:
    """See that the name stays ours; while somebody else has it, no worker of ours lives.

    A database that does not answer takes it from nobody: a running job goes on.
    """
    lane = Lane("name", 1)
    try:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            with contextlib.suppress(StoreUnavailable):
                await _look(name, supervisor, lane)
    finally:
        lane.close()  # its connection is closed by another thread


async def _look(name: "NameLock", supervisor: Supervisor, lane: Lane) -> None:
    before = name.taken
    if not await lane.run(name.check):
        supervisor.shoot("another service has its name")
    if name.taken != before:
        words = "another service has the name %s" if name.taken else "the name %s is ours again"
        log.warning(words, name.name)
        supervisor.wake()
