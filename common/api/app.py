"""The FastAPI application of one service."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from fastapi import APIRouter, FastAPI
from starlette.types import Lifespan

from common import __version__
from common.api.auth import access as auth
from common.api.auth import openapi as auth_openapi
from common.api.auth import routes as auth_session
from common.api.batches import routes_create, routes_files, routes_follow
from common.api.batches.feed import BatchFeeds
from common.api.batches.files import ARCHIVES_AT_ONCE, ARCHIVES_OF_ONE
from common.api.batches.reading import WatchedBatches
from common.api.door import error_handlers, headers
from common.api.door.head import HeadAsGet
from common.api.door.http_meter import HttpMeter
from common.api.door.limits import BodyLimit, Limits
from common.api.door.openapi import describe_once, describe_options
from common.api.door.places import Places
from common.api.door.request_spans import RequestSpans
from common.api.door.turns import (
    LOOK_PATIENCE_SECONDS,
    LOOKS_AT_ONCE,
    Turns,
)
from common.api.life.guard import BLIND_SECONDS, keep_guard
from common.api.life.heap import tidy_heap
from common.api.life.machines import among_machines
from common.api.life.reaper import reap_orphans
from common.api.life.storing import storing
from common.api.life.telling import telling
from common.api.live import routes_events, routes_preview
from common.api.live.feed import Feeds
from common.api.pipelines import routes as pipelines
from common.api.pipelines.running import conducting
from common.api.routes import generate, jobs, memory, ordering, queue, webhooks
from common.api.routes import service as service_routes
from common.api.routes.description import describe_kind
from common.api.routes.files import file_routes
from common.api.routes.reading import Watched
from common.api.service import Service
from common.api.ui.playground import install_page
from common.api.ui.reference_page import install_reference
from common.base.chores import chore
from common.contract import Kind, ModelSpec
from common.contract.finding import found
from common.contract.kind import main_file
from common.publishing.retention import Retention
from common.publishing.sweep import sweep_files
from common.worker.supervision.orphans import end_orphan
from common.worker.supervision.owed import OWED, keep_owed, take_owed

_TAGS: tuple[Mapping[str, str], ...] = (
    {"name": "Generate", "description": "Send a request; a job is queued."},
    {"name": "Jobs", "description": "Follow, cancel, download and remove jobs."},
    {"name": "Batches", "description": "Many jobs with one request, followed as one."},
)
_SERVICE_TAGS: tuple[Mapping[str, str], ...] = (
    {"name": "Memory", "description": "Bring the model into memory, or free it."},
    {"name": "Session", "description": "A browser's key for a cookie."},
    {"name": "Service", "description": "What this service is, how it is and what it did."},
)

_ROUTES = (
    *(generate, jobs, routes_preview, routes_events, webhooks),
    *(routes_create, routes_follow, routes_files, pipelines),
    *(service_routes, queue, ordering, memory, auth_session),
)


def create_app(
    spec: ModelSpec, limits: Limits, make_service: Callable[[], Service], access: auth.Access
) -> FastAPI:
    """Build the app; ``make_service`` runs inside the event loop, at start-up."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service = app.state.service = make_service()
        service.meters.register(access.failures)
        _share(app, service)
        state = service.settings.state_of(spec.id)
        service.supervisor.owed = take_owed(state / OWED)
        keep = service.keeper.keep
        supervising = asyncio.create_task(keep("supervisor", partial(_supervise, service)))
        guard = partial(keep_guard, service)
        guarding = asyncio.create_task(keep("memory watchdog", guard, BLIND_SECONDS))
        reaping = asyncio.create_task(keep("reaper", reap_orphans))
        tidying = asyncio.create_task(keep("heap", tidy_heap))
        async with (
            _chores(service),
            telling(service),
            storing(service),
            among_machines(service),
            conducting(app, service, access),
        ):
            yield
        reaping.cancel()
        tidying.cancel()
        guarding.cancel()
        await service.supervisor.stop()
        await supervising
        keep_owed(state / OWED, service.supervisor.owed)
        if service.tracing is not None:
            await asyncio.to_thread(service.tracing.close)
        service.queue.close()

    app = _bare(spec, lifespan)
    app.add_middleware(HeadAsGet)
    app.add_middleware(BodyLimit, limits=limits)
    describe_kind(app, spec.kind)
    describe_options(app, spec)
    describe_once(app)
    auth.install(app, access)
    auth_openapi.install(app, access)
    app.add_middleware(HttpMeter)
    app.add_middleware(RequestSpans)
    error_handlers.install(app)
    headers.install(app)
    _add_routes(app, spec.kind)
    return app


def _bare(spec: ModelSpec, lifespan: Lifespan[FastAPI]) -> FastAPI:
    return FastAPI(
        title=f"VideosDGX: {spec.title}",
        version=__version__,
        description=_description(spec),
        openapi_tags=[dict(tag) for tag in (*_TAGS, *spec.kind.tags, *_SERVICE_TAGS)],
        lifespan=lifespan,
        docs_url=None,  # FastAPI's own take their scripts from another site
        redoc_url=None,
    )


def _add_routes(app: FastAPI, kind: Kind) -> None:
    for routes in _ROUTES:
        app.include_router(routes.router)
    app.include_router(file_routes(kind))
    for address in kind.routers:
        app.include_router(found(address, APIRouter))
    install_page(app, kind.page)
    install_reference(app)


def _share(app: FastAPI, service: Service) -> None:
    """What the requests of all callers have in common."""
    app.state.feeds = Feeds(Watched(service).look)
    app.state.batch_feeds = BatchFeeds(WatchedBatches(service).look)
    app.state.archives = Places("ZIPs", ARCHIVES_AT_ONCE, ARCHIVES_OF_ONE)
    app.state.look_turns = Turns("looks at files", LOOKS_AT_ONCE, LOOK_PATIENCE_SECONDS)
    app.state.keys_under_way = set()


@asynccontextmanager
async def _chores(service: Service) -> AsyncIterator[None]:
    """The long work on files that goes on beside the requests."""
    async with AsyncExitStack() as stack:
        store, inputs = service.queue.store, service.inputs
        sweep = partial(sweep_files, store, service.storage, inputs, service.arrivals)
        await stack.enter_async_context(chore(service.keeper, "sweep", sweep))
        if service.backups is not None:
            backups = chore(service.keeper, "backups", service.backups.run)
            await stack.enter_async_context(backups)
        if not service.settings.retains:
            retention = Retention(store, service.storage, service.settings)
            old = chore(service.keeper, "retention", retention.run)
            await stack.enter_async_context(old)
        yield


async def _supervise(service: Service) -> None:
    """Beside an open door: an orphan may take its time to end."""
    lock = service.settings.state_of(service.spec.id) / "worker.lock"
    await asyncio.to_thread(end_orphan, lock)
    await service.supervisor.run()


def _description(spec: ModelSpec) -> str:
    return f"""\
{spec.title}, on your own machine.

1. `POST /generate` with a prompt. You get a job `id` at once.
2. `GET /jobs/{{id}}` until its `state` is `completed`.
3. `GET /jobs/{{id}}/download` for the {main_file(spec.kind).noun}.

`GET /info` lists what the model can do and its defaults. Every error names the field, the limit
and the way out.

Licence of the model: {spec.licence}.
"""
