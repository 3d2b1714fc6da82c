"""The next move of a pipeline: ask for the job of its step, or look at that."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from common.api.pipelines import moves
from common.api.pipelines.looks import Live, Looks
from common.api.pipelines.looks import Pause as Pause
from common.api.pipelines.references import filled, names_in
from common.api.pipelines.stack import Silent, Stack
from common.api.pipelines.verdicts import GONE, Later, Made, Refused, of_job, of_request
from common.base.errors import ErrorBody
from common.jobs.pipelines import Pipeline, PipelineState, Step, StepState
from common.jobs.states import JobState


@dataclass(frozen=True)
class Stepping:
    """One step after the other; what it may forget is in ``looks``."""

    stack: Stack
    looks: Looks

    async def moved(self, pipeline: Pipeline) -> Pipeline | Pause:
        """What becomes of an unfinished pipeline, or how long to wait.

        Raises:
            Silent: a service does not answer.
        """
        index = pipeline.current or 0
        state = pipeline.steps[index].state
        if state is StepState.RUNNING:
            return await self._watched(pipeline, index)
        if state is StepState.SENT:
            return await self._asked(pipeline, index)
        if pipeline.state is PipelineState.CANCELLING:
            return moves.stopped(pipeline, index)
        return moves.sent(pipeline, index)

    async def _asked(self, pipeline: Pipeline, index: int) -> Pipeline | Pause:
        step = pipeline.steps[index]
        if not await self.stack.makes_jobs(step.service, step.path):
            return moves.failed(pipeline, index, _no_such_path(step))
        jobs = {each.name: each.job for each in pipeline.steps if each.job is not None}
        body, key = filled(step.body, jobs), pipeline.key_of(index)
        owner, service = pipeline.owner, step.service
        answer = await self.stack.ask(owner, "POST", service, step.path, body, key)
        match of_request(service, answer):
            case Made(job):
                self.looks.over()
                return moves.made(pipeline, index, job)
            case Later(reason, seconds, surely):
                if surely and pipeline.state is PipelineState.CANCELLING:
                    return moves.stopped(pipeline, index)
                return self.looks.later(reason, seconds)
            case Refused(status, error):
                gone = await self._gone(pipeline, step) if status in GONE else frozenset[str]()
                return moves.expired(moves.failed(pipeline, index, error), gone)

    async def _gone(self, pipeline: Pipeline, step: Step) -> frozenset[str]:
        """Of the steps that a step names, those whose file is not there any more."""
        named = {name for _, name in names_in(step.body)}
        gone = set()
        for one in pipeline.steps:
            if one.name in named and one.job is not None:
                path = f"/jobs/{one.job}/download"
                try:
                    answer = await self.stack.ask(pipeline.owner, "HEAD", one.service, path)
                except Silent:
                    continue  # a retry will find out
                if answer.status in GONE:
                    gone.add(one.name)
        return frozenset(gone)

    async def _watched(self, pipeline: Pipeline, index: int) -> Pipeline | Pause:
        step, owner = pipeline.steps[index], pipeline.owner
        path = f"/jobs/{step.job}"
        if pipeline.state is PipelineState.CANCELLING:  # 409 where it has ended: looked at below
            await self.stack.ask(owner, "POST", step.service, f"{path}/cancel")
        found = of_job(step.service, await self.stack.ask(owner, "GET", step.service, path))
        match found:
            case Later(reason, seconds):
                return self.looks.later(reason, seconds)
            case Refused(_, error):
                self.looks.over()
                return moves.failed(pipeline, index, error)
        return self._followed(pipeline, index, found)

    def _followed(self, pipeline: Pipeline, index: int, job: Mapping[str, Any]) -> Pipeline | Pause:
        state = job["state"]
        if state not in (JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED):
            return self.looks.seen(_live(job))
        self.looks.over()
        if state == JobState.COMPLETED:
            return moves.completed(pipeline, index, _seconds(job))
        if state == JobState.CANCELLED:
            return moves.stopped(pipeline, index)
        return moves.failed(pipeline, index, ErrorBody.model_validate(job["error"]))


def _live(job: Mapping[str, Any]) -> Live:
    progress, eta = job.get("progress") or {}, job.get("eta") or {}
    return Live(
        job=job["id"],
        state=job["state"],
        percent=float(progress.get("percent") or 0),
        seconds_left=eta.get("seconds_left", progress.get("seconds_left")),
        waiting_for=progress.get("waiting_for"),
    )


def _seconds(job: Mapping[str, Any]) -> float | None:
    """From its start to its end; one that was made before took no time."""
    began, ended = job.get("started_at"), job.get("finished_at")
    if not (began and ended):
        return None
    passed = datetime.fromisoformat(ended) - datetime.fromisoformat(began)
    return round(max(0.0, passed.total_seconds()), 3)


def _no_such_path(step: Step) -> ErrorBody:
    return ErrorBody(
        code="no_such_path",
        message=f"{step.service} makes no job of what is sent to {step.path}.",
        hint="GET / of the service lists such paths under makes_jobs.",
    )
