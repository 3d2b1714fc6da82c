"""What is recorded and told of a finished training."""

from pydantic import Field

from common.contract.work import ClipShown, JobResult, ResultShown
from trainer.requests import ResolvedTraining


class TrainingResult(JobResult):
    """What was trained. ``folder`` has the LoRA, the losses, a video and manifest.json."""

    name: str
    rank: int
    steps: int
    first_loss: float
    last_loss: float
    has_validation: bool = True
    content_credentials: bool = False


class TrainingView(ResultShown):
    """The finished LoRA."""

    name: str
    rank: int
    steps: int
    first_loss: float = Field(description="Mean over the first tenth of the steps.")
    last_loss: float = Field(description="Mean over the last tenth.")
    size_bytes: int
    content_credentials: bool = Field(
        False, description="The video says, signed (C2PA), that a model made it."
    )
    checkpoint: str = Field(description="The checkpoint that it is for.")
    revision: str
    timings: dict[str, float] = Field(description="Seconds spent in each phase.")
    fused: int = Field(1, description="Always 1: trainings are not made together.")


class TrainingShown(ClipShown):
    """One finished LoRA of a batch, and how to train it again."""

    index: int = Field(description="Its place in the batch, from 0.")
    file: str = Field(description="Its name in the ZIP.")
    job_id: str
    name: str
    last_loss: float
    resolved: ResolvedTraining = Field(description="Exactly what was trained.")
