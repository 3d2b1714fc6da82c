"""``GET /info``: all that there is to know about a service, without torch."""

import os
import platform
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import psutil
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field

from common import __version__
from common.api.routes.memory_views import PoolView, pool_view
from common.api.service import Service
from common.base.errors import CheckpointError
from common.base.settings.retention import RetentionSettings
from common.contract.hub import choose_variant, locate, revision_notes
from common.contract.messages import GpuPulse, ModelState
from common.memory.gpu_figures import read_gpu

if TYPE_CHECKING:
    from common.publishing.bucket.bucket import Bucket


class CheckpointView(BaseModel):
    """A checkpoint; ``revision`` is null when it is not on disk."""

    id: str
    revision: str | None
    revision_notes: list[str] = Field(
        description="Of each repository: the commit it is pinned to, or that a branch may move."
    )


class LoadedView(BaseModel):
    """The worker's model, as the worker itself reported it."""

    state: ModelState
    worker_pid: int | None = Field(description="Null while no worker process runs.")
    checkpoint: str | None
    revision: str | None
    load_seconds: float | None
    quantization: str | None = Field(description="How the weights are kept.")
    quantization_reason: str | None
    attention_backend: str | None
    compute_dtype: str | None = Field(description="Of what is not quantized, and of the sums.")
    compute_dtype_reason: str | None
    from_cache: bool | None = Field(description="Quantized weights were read, not made.")
    weight_bytes: int | None
    gpu: GpuPulse | None = Field(
        description="The GPU's speed, clock and power in a short product after the load."
    )


class GpuView(BaseModel):
    """The GPU at this moment; null where NVML does not tell. ``utilization`` goes up to 1."""

    utilization: float | None
    temperature_celsius: float | None
    power_watts: float | None
    clock_mhz: float | None
    max_clock_mhz: float | None


class SystemView(BaseModel):
    """The machine and the software on it."""

    platform: str
    python: str
    cpus: int | None
    gpus: list[str]
    gpu: GpuView | None = Field(description="The first of them, now.")
    packages: dict[str, str]
    disk_free_bytes: int = Field(description="On the outputs volume.")


class MemoryView(BaseModel):
    """Bytes. ``available`` counts the page cache as free, as the kernel does."""

    total_bytes: int
    available_bytes: int
    api_rss_bytes: int
    worker_rss_bytes: int | None


class RetentionView(BaseModel):
    """Over one of these the oldest files go, unless somebody keeps them. Null: no limit."""

    keep_days: float | None
    keep_jobs: int | None
    keep_gb: float | None
    keep_gb_per_owner: float | None
    keep_free_gb: float | None


class BucketView(BaseModel):
    """The bucket that files of finished jobs go to, and how that goes."""

    bucket: str
    prefix: str
    keep_local: bool = Field(description="Files stay on this machine's disk too.")
    downloads: str = Field(description="What is only there: `streamed` or `presigned`.")
    waiting: int = Field(description="Jobs whose files wait to be uploaded, or to be removed.")
    reachable: bool = Field(description="Whether the last try met a bucket that answers.")
    last_error: str | None = Field(description="Why what waits was not done when it was tried.")


class InfoView(BaseModel):
    """A service, its model and its machine."""

    model: str
    title: str
    licence: str
    version: str
    checkpoint: CheckpointView = Field(description="What is configured, and found on disk.")
    stands_in_for: str | None = Field(description="The model that this checkpoint is not.")
    loaded: LoadedView = Field(description="What is really in memory.")
    capabilities: list[str]
    limits: dict[str, Any]
    defaults: dict[str, Any]
    options: dict[str, Any] = Field(description="JSON schema of the model's own options.")
    quantization: str = Field(description="The model's default.")
    max_queue: int
    auto_unload_minutes: float
    retention: RetentionView | None = Field(None, description="How long files stay; null: ever.")
    bucket: BucketView | None = Field(None, description="Where files go too; null: to none.")
    content_credentials: bool = Field(
        False, description="Files say, signed (C2PA), that a model made them."
    )
    request_cache: bool = Field(
        False, description="The same request with a seed is answered with what was made before."
    )
    memory: MemoryView
    pool: PoolView
    system: SystemView


async def info_view(service: Service) -> InfoView:
    """Gather it; what touches disk or driver runs in a thread."""
    spec, variant, settings = service.spec, service.variant, service.settings
    return InfoView(
        model=spec.id,
        title=spec.title,
        licence=spec.licence,
        version=__version__,
        checkpoint=await run_in_threadpool(_checkpoint, service),
        stands_in_for=variant.stands_in_for,
        loaded=_loaded(service),
        capabilities=await run_in_threadpool(_capabilities, service),
        limits=asdict(variant.limits),
        defaults=asdict(variant.defaults),
        options=spec.options.model_json_schema(),
        quantization=spec.quantization,
        max_queue=settings.max_queue,
        auto_unload_minutes=settings.auto_unload_minutes,
        retention=_retention(settings),
        bucket=None if service.bucket is None else await _bucket(service.bucket),
        content_credentials=settings.content_credentials,
        request_cache=settings.request_cache,
        memory=_memory(service.supervisor.worker_rss_bytes),
        pool=await pool_view(service.pool, service.queue),
        system=await run_in_threadpool(_system, service),
    )


def _capabilities(service: Service) -> list[str]:
    """Those of now: files of an ``Extra`` may have come since the service started."""
    chosen = choose_variant(service.spec, service.settings.checkpoint)
    return sorted(service.kind.bounded(chosen, service.settings).capabilities)


async def _bucket(bucket: "Bucket") -> BucketView:
    settings, waiting = bucket.settings, await bucket.waiting()
    return BucketView(
        bucket=settings.s3_bucket or "",
        prefix=settings.s3_prefix,
        keep_local=settings.s3_keep_local,
        downloads=settings.s3_downloads,
        waiting=waiting,
        reachable=not bucket.trouble.down,
        last_error=bucket.trouble.words if waiting or bucket.trouble.down else None,
    )


def _retention(settings: RetentionSettings) -> RetentionView | None:
    if settings.retains:
        return None
    return RetentionView.model_validate(settings, from_attributes=True)


def _checkpoint(service: Service) -> CheckpointView:
    models_dir, variant = service.settings.models_dir, service.variant
    notes = revision_notes(models_dir, variant)
    try:
        found = locate(models_dir, variant)
    except CheckpointError:
        return CheckpointView(id=variant.name, revision=None, revision_notes=notes)
    return CheckpointView(id=found.id, revision=found.revision, revision_notes=notes)


def _loaded(service: Service) -> LoadedView:
    supervisor = service.supervisor
    model = supervisor.model.model_dump(exclude={"type"})
    return LoadedView(worker_pid=supervisor.worker_pid, **model)


def _memory(worker_rss_bytes: int | None) -> MemoryView:
    memory = psutil.virtual_memory()
    return MemoryView(
        total_bytes=memory.total,
        available_bytes=memory.available,
        api_rss_bytes=psutil.Process().memory_info().rss,
        worker_rss_bytes=worker_rss_bytes,
    )


def _system(service: Service) -> SystemView:
    return SystemView(
        platform=platform.platform(),
        python=platform.python_version(),
        cpus=os.cpu_count(),
        gpus=_gpus(),
        gpu=None if service.gpu is None else GpuView(**asdict(read_gpu(service.gpu))),
        packages=_packages("torch", "diffusers", "transformers", "fastapi", "sqlalchemy"),
        disk_free_bytes=service.storage.free_bytes(),
    )


def _packages(*names: str) -> dict[str, str]:
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _gpus() -> list[str]:
    """Names by NVML; none where there is no driver. Memory figures are not asked for here."""
    import pynvml

    try:
        pynvml.nvmlInit()
        count = pynvml.nvmlDeviceGetCount()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(count)]
        return [pynvml.nvmlDeviceGetName(handle) for handle in handles]
    except pynvml.NVMLError:
        return []
