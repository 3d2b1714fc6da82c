"""What clients read of a pipeline."""

from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, Field

from common.api.pipelines.looks import Live
from common.base.errors import ErrorBody
from common.jobs.pipelines import Pipeline, PipelineState, Step, StepState


class StepView(BaseModel):
    """One step, and its job."""

    name: str
    service: str
    path: str
    body: dict[str, Any] = Field(description="As it was sent.")
    state: StepState = Field(
        description="`sent`: it is asked for. `expired`: its file was gone when it was needed."
    )
    percent: float
    job_id: str | None = Field(description="Of its service. Null until there is one.")
    job_state: str | None = Field(description="As it was seen last.")
    seconds: float | None = Field(description="How long its job took, once it is completed.")
    error: ErrorBody | None
    earlier: tuple[str, ...] = Field(description="Jobs of earlier tries.")


class PipelineResult(BaseModel):
    """What the last step has made."""

    service: str
    job_id: str
    download: str = Field(description="A path of that service.")


class PipelineLinks(BaseModel):
    """Where to go from a pipeline."""

    self: str
    events: str
    cancel: str
    retry: str


class PipelineSummary(BaseModel):
    """A pipeline without its steps."""

    id: str
    model: str = Field(description="The service that conducts it.")
    name: str | None
    state: PipelineState
    step: str | None = Field(description="The one that it is at; null once it is completed.")
    percent: float = Field(description="Over all steps, each counting the same.")
    seconds_left: float | None = Field(
        description="Sum over the steps. Of those to come it is what the last like them took; null "
        "where nothing is known of one."
    )
    waiting_for: str | None = Field(description="Why nothing happens now.")
    created_at: datetime
    finished_at: datetime | None
    error: ErrorBody | None = Field(description="Of the step that failed; `param` says where.")
    result: PipelineResult | None
    links: PipelineLinks


class PipelineView(PipelineSummary):
    """A pipeline and its steps."""

    steps: list[StepView]


class PipelineListView(BaseModel):
    """One page of pipelines, newest first."""

    pipelines: list[PipelineSummary]
    next_cursor: str | None = Field(None, description="Pass as `cursor` for the next page.")


def pipeline_view(pipeline: Pipeline, live: Live) -> PipelineView:
    """A pipeline as clients see it; ``live`` is newer than the record."""
    steps = [_step_view(step, live) for step in pipeline.steps]
    at = None if pipeline.current is None else pipeline.steps[pipeline.current]
    left = None if pipeline.ended else _seconds_left(pipeline, live)
    base = f"/pipelines/{pipeline.id}"
    return PipelineView(
        id=pipeline.id,
        model=pipeline.model,
        name=pipeline.name,
        state=pipeline.state,
        step=at and at.name,
        percent=round(sum(step.percent for step in steps) / max(1, len(steps)), 1),
        seconds_left=left,
        waiting_for=None if pipeline.ended else live.waiting_for,
        created_at=_moment(pipeline.created_at),
        finished_at=None if pipeline.finished_at is None else _moment(pipeline.finished_at),
        error=pipeline.error,
        result=_result(pipeline),
        links=PipelineLinks(
            self=base, events=f"{base}/events", cancel=f"{base}/cancel", retry=f"{base}/retry"
        ),
        steps=steps,
    )


def _step_view(step: Step, live: Live) -> StepView:
    own = live if step.job is not None and live.job == step.job else Live()
    completed = step.state is StepState.COMPLETED
    return StepView(
        name=step.name,
        service=step.service,
        path=step.path,
        body=step.body,
        state=step.state,
        percent=100 if completed else own.percent,
        job_id=step.job,
        job_state="completed" if completed else own.state,
        seconds=step.seconds,
        error=step.error,
        earlier=step.earlier,
    )


def _result(pipeline: Pipeline) -> PipelineResult | None:
    if pipeline.state is not PipelineState.COMPLETED or not pipeline.steps:
        return None
    last = pipeline.steps[-1]
    job = last.job or ""
    return PipelineResult(service=last.service, job_id=job, download=f"/jobs/{job}/download")


def _seconds_left(pipeline: Pipeline, live: Live) -> float | None:
    total = 0.0
    for step in pipeline.steps:
        if step.state is StepState.COMPLETED:
            continue
        own = live.job is not None and live.job == step.job
        seconds = live.seconds_left if own and live.seconds_left is not None else step.expected
        if seconds is None:
            return None
        total += seconds
    return round(total, 1)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
