"""What the API process and its worker say to each other: JSON lines on one pipe.

Only these records cross the process boundary, besides the job store itself.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from common.contract.context import Phase

EXIT_CLEAN = 0
EXIT_RESTART = 75
"""The worker must not take another job: something unexpected happened inside a model, or it could
not record what it did. A job that it still holds is not to blame."""


class ModelState(StrEnum):
    """Whether the weights are in memory."""

    UNLOADED = "unloaded"
    LOADING = "loading"
    LOADED = "loaded"


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True)


class Progress(_Message):
    """How far a job is. ``percent`` never goes back within one attempt; times are in seconds.

    ``chunk`` of ``chunks`` pieces are finished, where a model works piece by piece.
    """

    phase: Phase | None = None
    step: int = 0
    steps: int = 0
    chunk: int = 0
    chunks: int = 0
    percent: float = 0
    waiting_for: str | None = None
    """Why nothing happens, in words and numbers, while it waits for memory or for the GPU."""
    seconds_elapsed: float = 0
    seconds_left: float | None = None
    preview: int | None = None
    """The step of the newest preview picture, while there is one."""
    loss: float | None = None
    """Of the latest step, where a model learns."""


class Wake(_Message):
    """Work may be waiting."""

    type: Literal["wake"] = "wake"


class Cancel(_Message):
    """The client cancelled this job; leave it at the next step."""

    type: Literal["cancel"] = "cancel"
    job_id: str


class Load(_Message):
    """Bring the model into memory although no job asks for it."""

    type: Literal["load"] = "load"


class Unload(_Message):
    """Exit as soon as there is no work left."""

    type: Literal["unload"] = "unload"


class Leave(_Message):
    """Claim nothing more and exit after the running job. SIGTERM says the same, but at once."""

    type: Literal["leave"] = "leave"


class GpuPulse(_Message):
    """The GPU while it was busy with a short product, right after a load; null: it did not tell."""

    tflops: float | None
    clock_mhz: float | None
    max_clock_mhz: float | None
    power_watts: float | None


class ModelStatus(_Message):
    """The worker's model: its state, and what was really loaded."""

    type: Literal["model"] = "model"
    state: ModelState
    checkpoint: str | None = None
    revision: str | None = None
    load_seconds: float | None = None
    quantization: str | None = None
    quantization_reason: str | None = None
    attention_backend: str | None = None
    compute_dtype: str | None = None
    compute_dtype_reason: str | None = None
    from_cache: bool | None = None
    weight_bytes: int | None = None
    gpu: GpuPulse | None = None


class Beat(_Message):
    """A sign of life, every second. ``rss_bytes`` is the worker's own memory."""

    type: Literal["beat"] = "beat"
    rss_bytes: int


class JobProgress(_Message):
    """Where the running job is, as it happens."""

    type: Literal["progress"] = "progress"
    job_id: str
    progress: Progress


class JobLeft(_Message):
    """The worker is done with this job, whatever became of it."""

    type: Literal["left"] = "left"
    job_id: str


Command = Annotated[Wake | Cancel | Load | Unload | Leave, Field(discriminator="type")]
Report = Annotated[ModelStatus | Beat | JobProgress | JobLeft, Field(discriminator="type")]

_COMMANDS: TypeAdapter[Command] = TypeAdapter(Command)
_REPORTS: TypeAdapter[Report] = TypeAdapter(Report)


def to_line(message: BaseModel) -> bytes:
    """One message as one line."""
    return message.model_dump_json().encode() + b"\n"


def parse_command(line: bytes) -> Command:
    """Read what the API process said."""
    return _COMMANDS.validate_json(line)


def parse_report(line: bytes) -> Report:
    """Read what the worker said."""
    return _REPORTS.validate_json(line)
