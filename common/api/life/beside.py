"""Work that goes on while a service runs."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from common.api.service import Service


@asynccontextmanager
async def beside(service: Service, **work: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Each of ``work`` is kept going inside the block, under its name in the log."""
    keep = service.keeper.keep
    tasks = [asyncio.create_task(keep(name.replace("_", " "), run)) for name, run in work.items()]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
