"""The conductor, while the service runs."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from common.api.auth.access import Access
from common.api.pipelines.accepting import WatchedPipelines
from common.api.pipelines.conductor import Conductor
from common.api.pipelines.feed import PipelineFeeds
from common.api.pipelines.stack import open_stack
from common.api.service import Service


@asynccontextmanager
async def conducting(app: FastAPI, service: Service, access: Access) -> AsyncIterator[None]:
    """Carry pipelines on inside the block; those of an earlier run too."""

    def required() -> bool:
        return access.authenticator.required

    stack = open_stack(service.settings, service.spec, access.statements, required)
    conductor = app.state.conductor = Conductor(service.queue, stack)
    app.state.pipeline_feeds = PipelineFeeds(WatchedPipelines(service, conductor).look)
    running = asyncio.create_task(service.keeper.keep("pipelines", conductor.run))
    try:
        yield
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
