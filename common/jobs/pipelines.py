"""A pipeline as everybody sees it: steps that become ordinary jobs, one after the other."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from common.base.errors import ErrorBody

_UNREADABLE = ErrorBody(
    code="unreadable_record",
    message="The record of this pipeline cannot be read: it is damaged, or of another version.",
    hint="Send it again.",
)


class PipelineState(StrEnum):
    """Where a pipeline is. The last three are ends, until a retry."""

    RUNNING = "running"
    CANCELLING = "cancelling"
    """Cancelled by the client; the job of its step has not ended yet."""
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


UNFINISHED = frozenset({PipelineState.RUNNING, PipelineState.CANCELLING})


class StepState(StrEnum):
    """Where a step is. What happens to its job is the job's to say."""

    WAITING = "waiting"
    """It has no job, and has asked for none."""
    SENT = "sent"
    """It may have been asked for: what came of that is not recorded yet."""
    RUNNING = "running"
    """It has a job that has not ended, as far as was seen."""
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    """It was completed; then another step needed its file, and that was gone."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class Step(_Record):
    """One request to one service, and what became of it."""

    name: str
    service: str
    path: str
    body: dict[str, Any]
    """As it was sent: ``{"step": name}`` stands for the job of an earlier step."""
    state: StepState = StepState.WAITING
    tries: int = 1
    """Each has a key of its own, and so a job of its own."""
    job: str | None = None
    error: ErrorBody | None = None
    earlier: tuple[str, ...] = ()
    """Jobs of earlier tries, the first one first."""
    seconds: float | None = None
    """How long its job took, once it is completed."""
    expected: float | None = None
    """How long the last like it had taken when the pipeline was sent."""


class NewPipeline(_Record):
    """A pipeline before it is accepted."""

    id: str
    model: str
    """Of the service that was asked, and conducts it."""
    owner: str = ""
    name: str | None = None
    webhook: str | None = None
    steps: tuple[Step, ...]


class Pipeline(NewPipeline):
    """A pipeline in the store. Times are of the epoch; ``number`` is the order of arrival."""

    number: int
    state: PipelineState = PipelineState.RUNNING
    version: int = 0
    """Grows with each change, so that of two who change the same one only one does."""
    created_at: float
    finished_at: float | None = None
    unreadable: bool = False
    """Its row is damaged, or another version wrote it: nobody goes on with it."""

    @property
    def ended(self) -> bool:
        """Whether nothing more happens by itself."""
        return self.state not in UNFINISHED

    @property
    def current(self) -> int | None:
        """The index of the first step that is not completed; None where all are."""
        places = enumerate(self.steps)
        return next((i for i, step in places if step.state is not StepState.COMPLETED), None)

    @property
    def error(self) -> ErrorBody | None:
        """Of the step that has failed."""
        if self.unreadable:
            return _UNREADABLE
        return next((step.error for step in self.steps if step.error), None)

    def key_of(self, index: int) -> str:
        """The Idempotency-Key of a step's present try: however often it is sent, one job."""
        return f"pipeline-{self.id}-{index}-{self.steps[index].tries}"

    def with_step(self, index: int, **changes: Any) -> "Pipeline":
        """The same, with one step changed."""
        step = self.steps[index].model_copy(update=changes)
        steps = (*self.steps[:index], step, *self.steps[index + 1 :])
        return self.model_copy(update={"steps": steps})


class PipelinePage(_Record):
    """Pipelines, newest first; ``next_cursor`` continues the list, None at its end."""

    pipelines: tuple[Pipeline, ...]
    next_cursor: str | None


class PipelineLinks(_Record):
    """Where the details are."""

    self: str


class PipelineEventData(_Record):
    """Which pipeline, and how it ended."""

    id: str
    model: str
    state: PipelineState
    error: ErrorBody | None
    links: PipelineLinks


class PipelineEvent(_Record):
    """The body of a webhook."""

    type: str
    timestamp: datetime
    data: PipelineEventData


def event_of(pipeline: Pipeline) -> PipelineEvent:
    """What is told about an ended pipeline."""
    data = PipelineEventData(
        id=pipeline.id,
        model=pipeline.model,
        state=pipeline.state,
        error=pipeline.error,
        links=PipelineLinks(self=f"/pipelines/{pipeline.id}"),
    )
    moment = datetime.fromtimestamp(pipeline.finished_at or 0, UTC)
    return PipelineEvent(type=f"pipeline.{pipeline.state}", timestamp=moment, data=data)
