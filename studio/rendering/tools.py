"""What an operation works with, in the worker."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from common.contract.context import Phase
from common.media.codecs import EncoderSettings
from studio.sources import Found


@dataclass(frozen=True)
class Tools:
    """Of one job."""

    job_id: str
    folder: Path
    """Where files go; nobody sees them before all are there."""
    files: Mapping[str, Path]
    """The job's input files, by their names."""
    found: Found
    encoder: EncoderSettings
    look: Callable[[], None]
    """Call it often. Raises JobCancelled, JobReleased."""
    progress: Callable[..., None]

    def tell(self, done: float, seconds: float) -> None:
        """How much of what is rendered is done: a sign of life."""
        self.progress(Phase.ENCODING_VIDEO, int(done * 10), max(1, int(seconds * 10)))
