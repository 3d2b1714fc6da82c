"""What is recorded and told of a finished text."""

from pydantic import Field

from common.contract.work import ClipShown, JobResult, ResultShown
from tests.kinds.text.requests import ResolvedText


class TextResult(JobResult):
    """What was written. ``folder`` holds text.txt and manifest.json."""

    characters: int


class TextResultView(ResultShown):
    """The finished text."""

    characters: int
    size_bytes: int
    checkpoint: str = Field(description="The checkpoint that really wrote it.")
    revision: str
    timings: dict[str, float] = Field(description="Seconds spent in each phase.")
    fused: int = Field(1, description="Jobs made together; `timings` has this one's part.")


class TextShown(ClipShown):
    """One finished text of a batch, and how to make it again."""

    index: int = Field(description="Its place in the batch, from 0.")
    file: str = Field(description="Its name in the ZIP.")
    job_id: str
    prompt: str
    characters: int
    resolved: ResolvedText = Field(description="Exactly what the model wrote.")
