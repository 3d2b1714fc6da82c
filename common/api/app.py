"""The FastAPI application of one service."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI

from common import __version__
from common.api import error_handlers, routes_events, routes_generate, routes_jobs, routes_service
from common.api.feed import Feeds
from common.api.guard import keep_guard
from common.api.limits import BodyLimit
from common.api.openai import routes_content, routes_models, routes_sync, routes_videos
from common.api.orphans import end_orphan
from common.api.playground import install_page
from common.api.reading import view_of
from common.api.service import Service
from common.api.sweep import sweep_files
from common.contract import ModelSpec

_TAGS = [
    {"name": "Generate", "description": "Send a prompt; a video is queued."},
    {"name": "Jobs", "description": "Follow, cancel, download and remove jobs."},
    {"name": "OpenAI", "description": "The same jobs, for clients of OpenAI's Videos API."},
    {"name": "Memory", "description": "Bring the model into memory, or free it."},
    {"name": "Service", "description": "What this service is, how it is and what it did."},
]


def create_app(spec: ModelSpec, max_body_mb: float, make_service: Callable[[], Service]) -> FastAPI:
    """Build the app; ``make_service`` runs inside the event loop, at start-up."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service = app.state.service = make_service()
        app.state.feeds = Feeds(partial(view_of, service))
        app.state.picture_turn = asyncio.Semaphore(1)
        app.state.sheet_turn = asyncio.Semaphore(1)
        await sweep_files(service)
        state = service.settings.state_of(spec.id)
        await asyncio.to_thread(end_orphan, state / "worker.lock")
        supervising = asyncio.create_task(service.supervisor.run())
        guarding = asyncio.create_task(keep_guard(service))
        yield
        guarding.cancel()
        await service.supervisor.stop()
        await supervising
        service.queue.close()

    app = FastAPI(
        title=f"VideosDGX: {spec.title}",
        version=__version__,
        description=_description(spec),
        openapi_tags=_TAGS,
        lifespan=lifespan,
    )
    app.add_middleware(BodyLimit, max_body_mb=max_body_mb)
    error_handlers.install(app)
    openai = (routes_videos, routes_content, routes_sync, routes_models)
    for routes in (routes_generate, routes_jobs, routes_events, routes_service, *openai):
        app.include_router(routes.router)
    install_page(app)
    return app


def _description(spec: ModelSpec) -> str:
    return f"""\
{spec.title}, on your own machine.

1. `POST /generate` with a prompt. You get a job `id` at once.
2. `GET /jobs/{{id}}` until its `state` is `completed`.
3. `GET /jobs/{{id}}/download` for the MP4.

`GET /info` lists what the model can do and its defaults. Every error names the field, the limit
and the way out.

Licence of the model: {spec.licence}.
"""
