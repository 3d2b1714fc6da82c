"""``GET /info``: all that there is to know about a service, without torch."""

import os
import platform
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import psutil
from fastapi.concurrency import run_in_threadpool

from common import __version__
from common.api.routes.info_views import (
    BucketView,
    CheckpointView,
    EncoderView,
    GpuView,
    InfoView,
    LoadedView,
    MemoryView,
    RetentionView,
    SystemView,
)
from common.api.routes.memory_views import pool_view
from common.api.service import Service
from common.base.errors import CheckpointError
from common.base.settings.retention import RetentionSettings
from common.contract.hub import choose_variant, locate, revision_notes
from common.memory.gpu_figures import read_gpu

if TYPE_CHECKING:
    from common.publishing.bucket.bucket import Bucket


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
        encoder=EncoderView(asked=settings.video_encoder, used=service.encoder),
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
