"""What every route does with a pipeline: accept, read, move."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from fastapi import Request

from common.api.pipelines import moves
from common.api.pipelines.body import PipelineRequest, steps_of
from common.api.pipelines.conductor import Conductor
from common.api.pipelines.looks import Live
from common.api.pipelines.stack import Silent
from common.api.pipelines.views import (
    PipelineListView,
    PipelineSummary,
    PipelineView,
    pipeline_view,
)
from common.api.service import Service
from common.base.errors import Unresolvable
from common.base.errors.pipeline import PipelineConflict
from common.jobs.model import KeyUse
from common.jobs.pipelines import NewPipeline, Pipeline, Step, StepState
from common.jobs.webhooks.target import check_webhook

LOOK_SECONDS = 2.0
"""In which a service must say what paths it has; else that is looked at before the step is sent."""
REMEMBERED = 20
"""Pipelines, the last ones, of which the time is learnt that a step takes."""
TRIES = 5


def conductor_of(request: Request) -> Conductor:
    """The one of this application."""
    conductor = request.app.state.conductor
    assert isinstance(conductor, Conductor)  # noqa: S101  # set by create_app
    return conductor


async def accept(
    service: Service,
    conductor: Conductor,
    wanted: PipelineRequest,
    pipeline_id: str,
    key: KeyUse | None,
) -> Pipeline:
    """Judge a pipeline and store it; the one that its key has made before, where there is one.

    Raises:
        InvalidRequest: naming the first wrong field.
        NoStackSecret: no step could be asked for in the caller's name.
        QueueFull, KeyReused, PipelineConflict.
    """
    conductor.stack.check()
    check_webhook(wanted.webhook_url, service.settings)
    steps = steps_of(wanted, service.spec.id, conductor.stack.names)
    await _check_paths(conductor, steps)
    queue = service.queue
    page = await queue.read(queue.store.pipeline_page, limit=REMEMBERED)
    new = NewPipeline(
        id=pipeline_id,
        model=service.spec.id,
        owner=queue.owner,
        name=wanted.name,
        webhook=str(wanted.webhook_url) if wanted.webhook_url else None,
        steps=expecting(steps, page.pipelines),
    )
    pipeline = await queue.call(queue.store.submit_pipeline, new, *queue.limits, key)
    conductor.wake()
    return pipeline


async def _check_paths(conductor: Conductor, steps: Sequence[Step]) -> None:
    """Of services that answer. Raises Unresolvable."""

    async def known(step: Step) -> bool:
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                return await conductor.stack.makes_jobs(step.service, step.path)
        except (Silent, TimeoutError):
            return True

    for index, good in enumerate(await asyncio.gather(*map(known, steps))):
        if not good:
            step, param = steps[index], f"steps.{index}.path"
            raise Unresolvable(
                f"{param}: {step.service} makes no job of what is sent to {step.path}.",
                param=param,
                hint="GET / of the service lists such paths under makes_jobs.",
            )


def expecting(steps: Sequence[Step], before: Sequence[Pipeline]) -> tuple[Step, ...]:
    """The steps, with how long the last like each took: of one service, by one path."""
    took: dict[tuple[str, str], float] = {}
    for pipeline in before:  # newest first
        for step in reversed(pipeline.steps):
            if step.state is StepState.COMPLETED and step.seconds is not None:
                took.setdefault((step.service, step.path), step.seconds)
    return tuple(
        step.model_copy(update={"expected": took.get((step.service, step.path))}) for step in steps
    )


async def cancel(service: Service, conductor: Conductor, pipeline_id: str) -> Pipeline:
    """Raises PipelineNotFound, PipelineConflict: unknown, or it has ended."""
    store = service.queue.store

    async def change(pipeline: Pipeline) -> Pipeline | None:
        return await service.queue.call(store.change_pipeline, moves.cancelled(pipeline))

    return await _move(service, conductor, pipeline_id, change)


async def retry(service: Service, conductor: Conductor, pipeline_id: str) -> Pipeline:
    """Let it go on after its end.

    Raises:
        PipelineNotFound, PipelineConflict: unknown, or there is nothing to retry.
        NoStackSecret, QueueFull: as ``accept``.
    """
    queue = service.queue

    async def change(pipeline: Pipeline) -> Pipeline | None:
        conductor.stack.check()
        again = moves.retried(pipeline)
        if again.ended:
            return await queue.call(queue.store.change_pipeline, again)
        return await queue.call(queue.store.retry_pipeline, again, *queue.limits)

    return await _move(service, conductor, pipeline_id, change)


async def _move(
    service: Service,
    conductor: Conductor,
    pipeline_id: str,
    change: Callable[[Pipeline], Awaitable[Pipeline | None]],
) -> Pipeline:
    """Change a pipeline as it is now; ``change`` answers None where it was another one by then."""
    for _ in range(TRIES):
        pipeline = await service.queue.read(service.queue.store.pipeline, pipeline_id)
        changed = await change(pipeline)
        if changed is not None:
            conductor.wake()
            return changed
    raise PipelineConflict("The pipeline keeps changing.", hint="Ask again.")


def shown(pipeline: Pipeline, conductor: Conductor) -> PipelineView:
    """As clients see it now."""
    return pipeline_view(pipeline, conductor.live.get(pipeline.id, Live()))


async def list_pipelines(
    service: Service, conductor: Conductor, cursor: str | None, limit: int
) -> PipelineListView:
    """One page, newest first. Raises InvalidRequest: the cursor is not one."""
    store = service.queue.store
    page = await service.queue.read(store.pipeline_page, cursor=cursor, limit=limit)
    views = [shown(pipeline, conductor).model_dump() for pipeline in page.pipelines]
    summaries = [PipelineSummary.model_validate(view) for view in views]
    return PipelineListView(pipelines=summaries, next_cursor=page.next_cursor)


@dataclass(frozen=True)
class WatchedPipelines:
    """Pipelines that are looked at again and again."""

    service: Service
    conductor: Conductor

    async def look(self, pipeline_ids: Collection[str]) -> Mapping[str, PipelineView]:
        """All of them as they are now; those that were deleted are left out."""
        queue = self.service.queue
        found = await queue.read(queue.store.pipelines, tuple(pipeline_ids))
        return {pipeline.id: shown(pipeline, self.conductor) for pipeline in found}
