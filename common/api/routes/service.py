"""The service itself: what it is, how it is, and what it did."""

import time
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field

from common import __version__
from common.api.auth.access import FORBIDDEN, metrics_reader
from common.api.routes.info import info_view
from common.api.routes.info_views import InfoView
from common.api.routes.metrics import as_prometheus, scraped, wants_prometheus
from common.api.service import Service, service_of
from common.api.ui.playground import PAGE
from common.base.errors import VideosDGXError
from common.contract import Kind
from common.contract.kind import main_file
from common.contract.messages import ModelState
from common.jobs.estimates.views import EtaErrors
from common.jobs.model import Job, Statistics
from common.jobs.states import JobState

router = APIRouter()
ServiceParam = Annotated[Service, Depends(service_of)]


class RootView(BaseModel):
    """Who answers here."""

    name: str
    version: str
    model: str
    title: str
    checkpoint: str
    stands_in_for: str | None = Field(description="The model that this checkpoint is not.")
    routes: dict[str, str]
    makes_jobs: list[str] = Field(
        default_factory=list,
        description="Paths that make a job of a body, as regular expressions: for pipelines.",
    )


class HealthView(BaseModel):
    """The API process lives."""

    status: str = "ok"
    uptime_seconds: float


class ReadyView(BaseModel):
    """Whether jobs are accepted."""

    ready: bool
    model_loaded: bool
    reasons: list[str] = Field(description="Why not, if not.")
    notes: list[str] = Field([], description="What is wrong, and keeps no job from being made.")


class LastJob(BaseModel):
    """One of the last jobs."""

    id: str
    state: JobState
    duration_seconds: float | None


class MetricsView(BaseModel):
    """Totals since the job table began; they survive restarts."""

    total_inferences: int = Field(description="Jobs that ended.")
    successful: int
    failed: int
    cancelled: int
    avg_duration_seconds: float | None
    min_duration_seconds: float | None
    max_duration_seconds: float | None
    last_10: list[LastJob] = Field(description="As far as they are yours; an admin sees all.")
    queue_depth: int
    model_loaded: bool
    worker_rss_bytes: int | None
    worker_crashes_in_a_row: int
    eta_errors: EtaErrors
    uploads_waiting: int | None = Field(
        None, description="Jobs whose files wait for the bucket; null where there is none."
    )


@router.get("/", tags=["Service"], summary="Who answers here", response_model=RootView)
async def root(service: ServiceParam, accept: Annotated[str, Header()] = "*/*") -> Any:
    """Name, version, model and routes. A browser, which asks for HTML, is sent to the page."""
    if "text/html" in accept:
        return RedirectResponse(PAGE, headers={"Vary": "Accept"})
    return RootView(
        name="VideosDGX",
        version=__version__,
        model=service.spec.id,
        title=service.spec.title,
        checkpoint=service.variant.name,
        stands_in_for=service.variant.stands_in_for,
        routes=_routes(service.kind),
        makes_jobs=["/generate", *service.kind.creating],
    )


def _routes(kind: Kind) -> dict[str, str]:
    return {
        "POST /generate": f"make a {kind.noun}",
        "POST /generate/batch": f"make many {kind.noun}s",
        "POST /pipelines": "several steps of several services, as one",
        "GET /jobs/{id}": "follow a job",
        "GET /jobs/{id}/download": f"fetch the {main_file(kind).noun}",
        **kind.routes,
        "GET /info": "the model, its limits and defaults",
        "GET /ui": "the page for people",
        "GET /docs": "every route, to try in the browser",
    }


@router.get("/health", tags=["Service"], summary="Is the process alive?")
async def health(service: ServiceParam) -> HealthView:
    """200 while the API process lives. Never waits for the GPU or the disk."""
    return HealthView(uptime_seconds=round(time.monotonic() - service.started, 3))


@router.get(
    "/ready",
    tags=["Service"],
    responses={503: {"model": ReadyView, "description": "No."}},
    summary="Are jobs accepted?",
)
async def ready(service: ServiceParam, response: Response) -> ReadyView:
    """503 while jobs cannot be accepted or made: a volume, no database, a task down."""
    reasons = [
        f"task_down: The {task} failed and starts again; the service's log says why."
        for task in service.keeper.down
    ]
    try:
        service.check_name()
        await service.volumes.check_now()
        await service.queue.read(service.queue.store.has_work, service.settings.worker_id())
    except VideosDGXError as exc:
        reasons.append(f"{exc.body.code}: {exc.body.in_full}")
        response.headers.update(exc.headers)
    response.status_code = 503 if reasons else 200
    loaded = service.supervisor.model.state is ModelState.LOADED
    return ReadyView(ready=not reasons, model_loaded=loaded, reasons=reasons, notes=_notes(service))


def _notes(service: Service) -> list[str]:
    bucket = service.bucket
    if bucket is None or not bucket.trouble.down:
        return []
    return [f"bucket_unavailable: {bucket.trouble.words} Files of finished jobs wait on this disk."]


@router.get("/info", tags=["Service"], summary="The model and this machine")
async def info(service: ServiceParam) -> InfoView:
    """Model, limits, defaults, options, checkpoint, memory and system."""
    return await info_view(service)


@router.get(
    "/metrics",
    tags=["Service"],
    summary="What was done",
    dependencies=[Depends(metrics_reader)],
    response_model=MetricsView,
    responses=FORBIDDEN
    | {200: {"content": {"text/plain": {}}, "description": "By the Accept header."}},
)
async def metrics(service: ServiceParam, accept: Annotated[str, Header()] = "*/*") -> Any:
    """Counts and durations over all jobs, from the job table itself.

    Prometheus, which asks for text, gets its own format, with the memory pool.
    """
    if wants_prometheus(accept):
        text, kind = as_prometheus(accept, await service.scrapes(partial(scraped, service)))
        return Response(text, media_type=kind)
    statistics = await service.queue.read(service.queue.store.statistics)
    named = await service.queue.visible([job.id for job in statistics.last_10])
    last = [job for job in statistics.last_10 if job.id in named]
    waiting = None if service.bucket is None else await service.bucket.waiting()
    return _metrics(service, statistics, last, await service.forecasts.errors(), waiting)


def _metrics(
    service: Service,
    statistics: Statistics,
    last: Sequence[Job],
    errors: EtaErrors,
    uploads_waiting: int | None,
) -> MetricsView:
    count = statistics.by_state.get
    ended = {state: count(state, 0) for state in (JobState.COMPLETED, JobState.FAILED)}
    cancelled = count(JobState.CANCELLED, 0)
    return MetricsView(
        total_inferences=sum(ended.values()) + cancelled,
        successful=ended[JobState.COMPLETED],
        failed=ended[JobState.FAILED],
        cancelled=cancelled,
        avg_duration_seconds=statistics.avg_duration_seconds,
        min_duration_seconds=statistics.min_duration_seconds,
        max_duration_seconds=statistics.max_duration_seconds,
        last_10=[
            LastJob(id=job.id, state=job.state, duration_seconds=job.duration) for job in last
        ],
        queue_depth=count(JobState.QUEUED, 0),
        model_loaded=service.supervisor.model.state is ModelState.LOADED,
        worker_rss_bytes=service.supervisor.worker_rss_bytes,
        worker_crashes_in_a_row=service.supervisor.crashes,
        eta_errors=errors,
        uploads_waiting=uploads_waiting,
    )
