"""What is recorded and told of a finished job."""

from typing import Any

from pydantic import Field

from common.contract.work import ClipShown, JobResult, ResultShown


class StudioResult(JobResult):
    """What was made. ``folder`` has the file that the job was for, and manifest.json."""

    operation: str
    duration_seconds: float = 0
    width: int = 0
    height: int = 0
    fps: float = 0
    report: dict[str, Any] = Field(default_factory=dict)
    has_captions: bool = False
    content_credentials: bool = False


class StudioView(ResultShown):
    """What was made."""

    operation: str
    file: str | None = Field(description="The name of what `download` answers.")
    duration_seconds: float
    width: int
    height: int
    fps: float
    size_bytes: int
    report: dict[str, Any] = Field(description="What was cut, padded or found.")
    content_credentials: bool = Field(
        False, description="The file says, signed (C2PA), what it was made from."
    )
    timings: dict[str, float] = Field(description="Seconds spent in each phase.")
    fused: int = Field(1, description="Always 1: jobs are made one by one.")


class StudioShown(ClipShown):
    """One finished job of a batch."""

    index: int = Field(description="Its place in the batch, from 0.")
    file: str = Field(description="Its name in the ZIP.")
    job_id: str
    operation: str
    duration_seconds: float
