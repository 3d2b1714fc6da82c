"""What is recorded and told of a finished video."""

from pydantic import Field

from common.contract.work import ClipShown, JobResult, ResultShown
from common.kinds.video.resolved import ResolvedRequest


class VideoResult(JobResult):
    """What was made. ``folder`` holds video.mp4, manifest.json and mostly thumbnail.jpg."""

    width: int
    height: int
    num_frames: int
    fps: float
    duration_seconds: float
    has_audio: bool
    has_thumbnail: bool = True
    content_credentials: bool = False


class ResultView(ResultShown):
    """The finished video."""

    width: int
    height: int
    num_frames: int
    fps: float
    duration_seconds: float
    size_bytes: int
    has_audio: bool
    content_credentials: bool = Field(
        False, description="The file says, signed (C2PA), that a model made it."
    )
    checkpoint: str = Field(description="The checkpoint that really made it.")
    revision: str
    stands_in_for: str | None = Field(None, description="The model that this checkpoint is not.")
    timings: dict[str, float] = Field(description="Seconds spent in each phase.")
    fused: int = Field(1, description="Jobs denoised together; `timings` has this one's part.")


class ClipView(ClipShown):
    """One finished video, and how to make it again."""

    index: int = Field(description="Its place in the batch, from 0.")
    file: str = Field(description="Its name in the ZIP.")
    job_id: str
    prompt: str
    seed: int
    resolved: ResolvedRequest = Field(description="Exactly what the model made.")
    model: str
    checkpoint: str = Field(description="The checkpoint that really made it.")
    revision: str
    stands_in_for: str | None = Field(description="The model that this checkpoint is not.")
    duration_seconds: float
    size_bytes: int
