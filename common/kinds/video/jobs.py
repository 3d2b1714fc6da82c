"""Jobs that make videos, with the fields that only those have."""

from common.jobs.model import Job
from common.kinds.video.resolved import ResolvedRequest
from common.kinds.video.result import VideoResult


def resolved_of(job: Job) -> ResolvedRequest:
    """What the model makes, or made."""
    assert isinstance(job.resolved, ResolvedRequest)  # noqa: S101  # the store reads it so
    return job.resolved


def result_of(job: Job) -> VideoResult | None:
    """What was made; None until then."""
    assert isinstance(job.result, VideoResult | None)  # noqa: S101  # likewise
    return job.result
