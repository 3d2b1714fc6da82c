"""``/metrics`` as Prometheus reads it: the tables, the pool and the GPU, read anew at each scrape.

Scrapes that come at the same time share one reading. What no table keeps is counted in this
process: ``common.telemetry.meters``.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from fastapi.concurrency import run_in_threadpool
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from common.api.routes.memory_views import LeaseView, PoolView, pool_view
from common.api.service import Service
from common.jobs.estimates.views import EtaErrors
from common.jobs.figures import Figures
from common.jobs.model import Statistics
from common.jobs.states import ENDED, JobState
from common.memory.gpu_figures import GpuFigures, read_gpu
from common.memory.pool import Stage
from common.telemetry.families import More
from common.telemetry.meters import Meters

_POOL = {
    "total": "All memory of the pool.",
    "available": "What the machine says is available now.",
    "free": "What can be handed out now.",
    "floor": "What always stays free.",
}


@dataclass(frozen=True)
class Scrape:
    """What one scrape tells."""

    model: str
    statistics: Statistics
    figures: Figures
    pool: PoolView
    gpu: GpuFigures | None
    meters: Meters
    errors: EtaErrors
    uploads_waiting: int | None = None
    """None where there is no bucket."""


async def scraped(service: Service) -> Scrape:
    """Read all of it. Raises StoreUnavailable."""
    gpu = service.gpu
    return Scrape(
        model=service.spec.id,
        statistics=await service.queue.read(service.queue.store.statistics),
        figures=await service.queue.read(service.queue.store.figures),
        pool=await pool_view(service.pool, service.queue),
        gpu=None if gpu is None else await run_in_threadpool(read_gpu, gpu),
        meters=service.meters,
        errors=await service.forecasts.errors(),
        uploads_waiting=None if service.bucket is None else await service.bucket.waiting(),
    )


def as_prometheus(accept: str, scrape: Scrape) -> tuple[bytes, str]:
    """The metrics in the format that ``accept`` asks for, and their content type."""
    encode, content_type = choose_encoder(accept)
    registry = CollectorRegistry()
    registry.register(_Snapshot(scrape))
    registry.register(More(scrape.model, scrape.figures, scrape.gpu))
    registry.register(scrape.meters)
    return encode(registry), content_type


def wants_prometheus(accept: str) -> bool:
    """Whether a client asks for the text format rather than for JSON."""
    return "openmetrics" in accept or ("text/plain" in accept and "json" not in accept)


class _Snapshot(Collector):
    def __init__(self, scrape: Scrape) -> None:
        self._model = scrape.model
        self._statistics = scrape.statistics
        self._failed = scrape.figures.failed_by_code
        self._pool = scrape.pool
        self._errors = scrape.errors
        self._uploads_waiting = scrape.uploads_waiting

    def collect(self) -> Iterable[Metric]:
        yield from self._jobs()
        yield from self._memory()
        yield from self._leases()
        yield from self._estimates()
        yield from self._uploads()

    def _jobs(self) -> Iterable[Metric]:
        count = self._statistics.by_state.get
        now = GaugeMetricFamily("videosdgx_jobs", "Unfinished jobs.", labels=["model", "state"])
        for state in JobState:
            if state not in ENDED:
                now.add_metric([self._model, state.value], count(state, 0))
        names = ["model", "state", "reason"]
        ended = CounterMetricFamily("videosdgx_jobs_ended", "Jobs.", labels=names)
        for state in (JobState.COMPLETED, JobState.CANCELLED):
            ended.add_metric([self._model, state.value, ""], count(state, 0))
        for reason, failed in (self._failed or {"": 0}).items():
            ended.add_metric([self._model, JobState.FAILED.value, reason], failed)
        yield from (now, ended)

    def _memory(self) -> Iterable[Metric]:
        for name, text in _POOL.items():
            value = getattr(self._pool, f"{name}_bytes")
            yield GaugeMetricFamily(f"videosdgx_pool_{name}_bytes", text, value=value)

    def _leases(self) -> Iterable[Metric]:
        """Of this service alone: each service is scraped, and the sum must be right."""
        own = next((x for x in self._pool.leases if x.model == self._model), None)
        figures = {
            "reserved_bytes": ("What this model may hold.", own.reserved_bytes if own else 0),
            "used_bytes": ("What its worker does hold.", own.used_bytes if own else 0),
            "loaded": ("Whether its weights are in memory.", bool(own and own.loaded)),
            "waiting": ("Whether its next job waits for memory.", _waits(own)),
        }
        for name, (text, value) in figures.items():
            family = GaugeMetricFamily(f"videosdgx_model_{name}", text, labels=["model"])
            family.add_metric([self._model], float(value))
            yield family

    def _estimates(self) -> Iterable[Metric]:
        """How good the times were that clients were told; no sample until a job had one."""
        text = "Median error of the first estimates of the last jobs, as a share of the truth."
        error = GaugeMetricFamily("videosdgx_eta_error_ratio", text, labels=["model"])
        if self._errors.median is not None:
            error.add_metric([self._model], self._errors.median)
        jobs = GaugeMetricFamily("videosdgx_eta_jobs", "Jobs behind that.", labels=["model"])
        jobs.add_metric([self._model], self._errors.jobs)
        yield from (error, jobs)

    def _uploads(self) -> Iterable[Metric]:
        if self._uploads_waiting is not None:
            text = "Jobs whose files wait to be uploaded, or to be removed from the bucket."
            family = GaugeMetricFamily("videosdgx_uploads_waiting", text, labels=["model"])
            family.add_metric([self._model], self._uploads_waiting)
            yield family


def _waits(own: LeaseView | None) -> bool:
    return bool(own and own.ticket and own.ticket.stage == Stage.WAITING)
