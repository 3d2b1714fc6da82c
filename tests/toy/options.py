"""What a request may tell the toy, and what its checkpoint says: no numpy here."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from common.kinds.video import VideoOptions

MIB = 1024**2
Moment = Literal["encoding_prompt", "denoising", "decoding"]


class ToyOptions(VideoOptions):
    """How long things take, and where they go wrong."""

    step_seconds: float = Field(0, ge=0, le=60, description="Seconds of each denoising step.")
    chunk_seconds: float = Field(0, ge=0, le=60, description="Seconds of each decoded chunk.")
    die_at: Moment | None = Field(None, description="Where the process kills itself.")
    raise_at: Moment | None = Field(None, description="Where the model raises.")
    out_of_memory_at: Moment | None = Field(None, description="Where an allocation fails.")
    no_thread_at: Moment | None = Field(None, description="Where no thread can be started.")
    hang_at: Moment | None = Field(None, description="Where the model never returns.")
    wraps_stops: bool = Field(
        False, description="Whether it makes errors of its own of stops, as libraries do."
    )
    bad_preview: bool = Field(False, description="Whether its previews raise.")
    hold_mb: int = Field(
        0, ge=0, le=4096, description="MiB that the job really takes while it runs."
    )
    bad_seed: int | None = Field(
        None, ge=0, description="The only job that misbehaves, in a batch of several."
    )
    says_mb: int | None = Field(None, ge=0, description="MiB that it says it takes, where it lies.")


def megabytes_of(checkpoint: Path) -> int:
    file = checkpoint / "megabytes.txt"
    return int(file.read_text()) if file.is_file() else 0
