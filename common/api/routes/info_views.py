"""What ``GET /info`` answers, part by part."""

from typing import Any

from pydantic import BaseModel, Field

from common.api.routes.memory_views import PoolView
from common.contract.messages import GpuPulse, ModelState


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


class EncoderView(BaseModel):
    """What compresses moving pictures that are made here, by FFmpeg's names."""

    asked: str = Field(description="By the operator.")
    used: str = Field(description="It ran when the service started; else libx264 takes its place.")


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
    encoder: EncoderView | None = Field(None, description="What compresses moving pictures.")
    memory: MemoryView
    pool: PoolView
    system: SystemView
