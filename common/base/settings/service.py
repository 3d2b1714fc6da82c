"""Every setting, read once at an entry point and frozen.

A setting comes from the environment or from ``.env``. With a service's id in front it holds for
that service alone: ``WAN21_AUTO_UNLOAD_MINUTES=0`` beats ``AUTO_UNLOAD_MINUTES=10``.
"""

import socket
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError
from pydantic_settings import SettingsConfigDict

from common.base.errors import VideosDGXError
from common.base.settings.auth import AuthSettings
from common.base.settings.backup import BACKUPS, BackupSettings
from common.base.settings.batch import BatchSettings
from common.base.settings.credentials import CredentialsSettings
from common.base.settings.door import DoorSettings
from common.base.settings.encoders import Codec
from common.base.settings.fetching import FetchSettings
from common.base.settings.fusing import FusingSettings
from common.base.settings.page import UiSettings
from common.base.settings.prompt_help import PromptHelpSettings
from common.base.settings.requests import RequestSettings
from common.base.settings.retention import RetentionSettings
from common.base.settings.s3 import S3Settings
from common.base.settings.stack import StackSettings
from common.base.settings.tracing import TracingSettings
from common.base.settings.webhooks import WebhookSettings

GIB = 1024**3
MIB = 1024**2


class SettingsError(VideosDGXError):
    """A setting is malformed; the message names it."""

    code = "bad_setting"


class Settings(
    AuthSettings,
    BackupSettings,
    BatchSettings,
    CredentialsSettings,
    DoorSettings,
    FetchSettings,
    FusingSettings,
    PromptHelpSettings,
    RequestSettings,
    RetentionSettings,
    S3Settings,
    StackSettings,
    TracingSettings,
    UiSettings,
    WebhookSettings,
):
    """The settings of one service."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        use_attribute_docstrings=True,
    )

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int | None = None
    """Port to listen on; the model's own when empty."""

    models_dir: Path = Path("models")
    """Checkpoints, in the layout of the Hugging Face hub's cache."""
    outputs_dir: Path = Path("outputs")
    """Finished work, one folder a service."""
    state_dir: Path = Path("state")
    """Job databases, uploads and locks, one folder a service. Local disk, not NFS."""
    database_url: str | None = None
    """PostgreSQL, when several machines share the work; SQLite in STATE_DIR when empty."""
    worker_name: str | None = None
    """Who claims jobs; must differ between machines on one PostgreSQL. Empty: the host's name."""

    checkpoint: str | None = None
    """Hub id of another checkpoint of the same model; the model's default when empty."""
    device: str = "auto"
    """cuda, cpu, or auto: the GPU where there is one."""
    compute_dtype: Literal["auto", "bfloat16", "float32"] = "auto"
    """bfloat16, float32, or auto: bfloat16 on GPUs and on CPUs with units for it, else float32."""

    quantization: Literal["auto", "none", "fp8", "fp8_compute", "nf4", "nvfp4"] | None = None
    """How weights are kept: none, fp8, fp8_compute, nf4, nvfp4, or auto. Empty: the model's own.
    auto is the most accurate of none, fp8 and nf4 that the memory pool has room for."""
    quantized_cache_gb: float = Field(200, ge=0)
    """Quantized weights kept in MODELS_DIR, so that the next load reads only those. 0: none."""
    attention_backend: str = "native"
    """A backend of diffusers' attention dispatcher; native is fastest on a DGX Spark."""
    compile_blocks: bool = False
    """Compile the model's repeated blocks: a slow first job, faster ones after it."""
    group_offload: bool = False
    """For a discrete GPU that is too small: keep most of the model in the CPU's memory."""

    auto_unload_minutes: float = Field(10, ge=-1)
    """Idle minutes before the model leaves memory. 0: right after the queue is empty. -1: never."""
    memory_kind: Literal["auto", "unified", "gpu", "cpu"] = "auto"
    """What the memory pool is: auto finds out."""
    memory_source: Path | None = None
    """A JSON file with total_bytes and available_bytes, in place of the machine: for tests."""
    memory_pool_gb: float | None = Field(None, gt=0)
    """Hand out at most so much memory to all services together; all when empty."""
    memory_floor_gb: float = Field(8, ge=0)
    """Memory that always stays free, a tenth of all at most; below it the watchdog stops the newest
    load or the largest job."""
    pinned: bool = False
    """Never make room for another model; AUTO_UNLOAD_MINUTES still holds."""
    min_residence_seconds: float = Field(30, ge=0)
    """A model that was loaded stays so long before it makes room for another."""
    eviction_seconds: float = Field(15, gt=0)
    """A model that was asked to make room has so long before its worker is stopped."""
    gpu_concurrent_jobs: int = Field(1, ge=1)
    """Jobs on the GPU at once, over all services of this machine."""
    max_queue: int = Field(100, ge=1)
    """Unfinished jobs a service accepts; the next gets 429."""
    max_attempts: int = Field(3, ge=1)
    """Times a job may take its worker down before it is failed."""
    drain_seconds: float = Field(30, ge=0)
    """At shutdown, how long a running job may go on before it returns to the queue."""
    cancel_grace_seconds: float = Field(30, ge=0)
    """How long a cancelled job may go on until its next step before its worker is stopped."""
    kill_grace_seconds: float = Field(5, ge=0)
    """Between SIGTERM and SIGKILL of a worker."""
    backoff_seconds: float = Field(1, ge=0)
    """Wait after a second worker crash in a row; doubles with each one, up to a minute."""

    lease_seconds: float = Field(30, gt=0)
    """A claimed job whose worker shows no life for so long is claimed again."""
    heartbeat_timeout_seconds: float = Field(120, gt=0)
    """A worker process that shows no life for so long is killed."""
    loading_timeout_seconds: float = Field(3600, gt=0)
    """A model may take so long to load."""
    step_timeout_seconds: float = Field(1800, gt=0)
    """One denoising step, or any other sign of progress, may take so long."""
    encoding_timeout_seconds: float = Field(900, gt=0)
    """The tail of the encoder after the last frame may take so long."""

    sync_seconds: float = Field(1800, gt=0)
    """POST /v1/videos/sync waits so long, then it answers 504; the job goes on."""

    max_duration_seconds: float | None = Field(None, gt=0)
    """Longest video that is accepted; the model's own limit when empty, which may be minutes."""
    max_image_pixels: int = Field(50_000_000, ge=1)
    """Largest input picture; checked from its header, before it is decoded."""
    max_input_video_mb: float = Field(60, gt=0)
    """Largest input video; it is a part of the body, so MAX_BODY_MB must be larger."""
    max_input_video_seconds: float = Field(60, gt=0)
    """Longest input video, whatever a model takes of it; checked before it is decoded."""
    max_input_video_pixels: int = Field(10_000_000, ge=1)
    """Largest frame of an input video, as in width x height; checked before it is decoded."""
    min_free_disk_gb: float = Field(2, ge=0)
    """Below this on the outputs or state volume no job is accepted (507) or begun."""

    video_encoder: Codec = "libx264"
    """libx264 plays everywhere; h264_nvenc and hevc_nvenc encode on the GPU where it can, libx265
    slowly. What does not run here is replaced by libx264: see /info."""
    video_crf: int = Field(18, ge=0, le=51)
    """Quality of the MP4: lower is better and larger. 18 looks lossless."""
    preview_every: int = Field(2, ge=0)
    """Denoising steps between two small pictures of a video that is being made. 0: none."""

    worker_niceness: int = Field(10, ge=0, le=19)
    """Keeps the API quick while the worker uses every core."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """DEBUG, INFO, WARNING or ERROR."""
    log_format: Literal["json", "text"] = "json"
    """json for machines, text for people."""

    def outputs_of(self, model_id: str) -> Path:
        """The folder of one service's finished work."""
        return self.outputs_dir / model_id

    def state_of(self, model_id: str) -> Path:
        """The folder of one service's database, uploads and locks."""
        return self.state_dir / model_id

    def backups_of(self, model_id: str) -> Path:
        """The folder of the copies of one service's database."""
        return self.backup_dir / model_id if self.backup_dir else self.state_of(model_id) / BACKUPS

    def inputs_of(self, model_id: str) -> Path:
        """The folder of one service's uploads."""
        return self.state_of(model_id) / "inputs"

    def folders_of(self, model_id: str) -> tuple[Path, ...]:
        """All that one service writes lies in these, but for quantized weights."""
        own = self.state_of(model_id), self.outputs_of(model_id), self.backups_of(model_id)
        return *own, self.ledger_dir

    @property
    def ledger_dir(self) -> Path:
        """The folder of the memory ledger, which all services share."""
        return self.state_dir / "memory"

    @property
    def quantized_cache_dir(self) -> Path | None:
        """Where quantized weights are kept; None where they are not."""
        return self.models_dir / ".quantized" if self.quantized_cache_gb else None

    def worker_id(self) -> str:
        """Who claims jobs here: with SQLite there is one worker, so its name never changes."""
        if self.worker_name:
            return self.worker_name
        return socket.gethostname() if self.database_url else "local"


def load_settings(model_id: str) -> Settings:
    """Read the settings of one service: the plain ones, then those with its id in front.

    Raises:
        SettingsError: naming the variable and what it may be.
    """
    try:
        plain = Settings()
        own = Settings(_env_prefix=f"{model_id.upper()}_")
    except ValidationError as exc:
        first = exc.errors()[0]
        name = "_".join(map(str, first["loc"])).upper()
        raise SettingsError(
            f"{name}: {first['msg']}.", param=name, hint="See .env.example."
        ) from exc
    return plain.model_copy(update={name: getattr(own, name) for name in own.model_fields_set})
