"""What becomes of a pipeline: every change of one, as a function without effects."""

from typing import Any

from common.base.errors import ErrorBody
from common.base.errors.pipeline import PipelineConflict
from common.jobs.pipelines import UNFINISHED, Pipeline, PipelineState, StepState

_AGAIN = frozenset(StepState) - {StepState.COMPLETED}


def sent(pipeline: Pipeline, index: int) -> Pipeline:
    """Its step is about to be asked for: from now on there may be a job of it."""
    return pipeline.with_step(index, state=StepState.SENT)


def made(pipeline: Pipeline, index: int, job: str) -> Pipeline:
    """Its step has a job."""
    return pipeline.with_step(index, state=StepState.RUNNING, job=job)


def completed(pipeline: Pipeline, index: int, seconds: float | None) -> Pipeline:
    """The job of its step is completed. After the last one, so is the pipeline."""
    done = pipeline.with_step(index, state=StepState.COMPLETED, seconds=seconds)
    if pipeline.state is PipelineState.CANCELLING:
        return _in(done, PipelineState.CANCELLED)
    return _in(done, PipelineState.COMPLETED) if done.current is None else done


def failed(pipeline: Pipeline, index: int, error: ErrorBody) -> Pipeline:
    """Its step cannot be made: of the reason, the client reads which step it was."""
    step = pipeline.steps[index]
    named = error.model_copy(
        update={
            "message": f"{step.name}: {error.message}",
            "param": f"steps.{index}.body.{error.param}" if error.param else None,
        }
    )
    over = pipeline.with_step(index, state=StepState.FAILED, error=named)
    wanted = pipeline.state is PipelineState.CANCELLING
    return _in(over, PipelineState.CANCELLED if wanted else PipelineState.FAILED)


def stopped(pipeline: Pipeline, index: int) -> Pipeline:
    """The job of its step was cancelled; where the pipeline was not, that fails it."""
    if pipeline.state is PipelineState.CANCELLING:
        return _in(pipeline.with_step(index, state=StepState.CANCELLED), PipelineState.CANCELLED)
    error = ErrorBody(code="job_cancelled", message="Its job was cancelled.", hint="Retry it.")
    return failed(pipeline, index, error)


def expired(pipeline: Pipeline, names: frozenset[str]) -> Pipeline:
    """The files of these steps are gone: a retry makes them anew."""
    for index, step in enumerate(pipeline.steps):
        if step.name in names:
            pipeline = pipeline.with_step(index, state=StepState.EXPIRED)
    return pipeline


def cancelled(pipeline: Pipeline) -> Pipeline:
    """A client cancels it: at once where no job can be under way.

    Raises:
        PipelineConflict: it has ended.
    """
    if pipeline.ended:
        raise PipelineConflict(
            f"The pipeline is {pipeline.state} already.",
            hint="Only unfinished pipelines can be cancelled.",
        )
    index = pipeline.current
    if index is None or pipeline.steps[index].state is StepState.WAITING:
        return _in(pipeline, PipelineState.CANCELLED)
    return _in(pipeline, PipelineState.CANCELLING)


def retried(pipeline: Pipeline) -> Pipeline:
    """What is not completed is made, under new keys; what is, stays.

    Raises:
        PipelineConflict: it has not ended, or there is nothing to retry.
    """
    if pipeline.unreadable:
        raise PipelineConflict("The record of this pipeline cannot be read.", hint="Send it again.")
    if pipeline.state in UNFINISHED or pipeline.state is PipelineState.COMPLETED:
        raise PipelineConflict(
            f"The pipeline is {pipeline.state}.",
            hint="Only one that has failed or was cancelled can be retried.",
        )
    for index, step in enumerate(pipeline.steps):
        if step.state in _AGAIN:
            pipeline = pipeline.with_step(index, **_anew(step.job, step.earlier, step.tries))
    ended_as = PipelineState.COMPLETED if pipeline.current is None else PipelineState.RUNNING
    return pipeline.model_copy(update={"state": ended_as, "finished_at": None})


def _anew(job: str | None, earlier: tuple[str, ...], tries: int) -> dict[str, Any]:
    return {
        "state": StepState.WAITING,
        "tries": tries + 1,
        "job": None,
        "error": None,
        "earlier": earlier if job is None else (*earlier, job),
        "seconds": None,
    }


def _in(pipeline: Pipeline, state: PipelineState) -> Pipeline:
    return pipeline.model_copy(update={"state": state})
