"""``POST /generate/batch``: judge every request, accept those that can be made, all at once."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from common.api.batches.accepting import accept_batch
from common.api.batches.body import BatchRequest, batch_reader_of, check_count
from common.api.batches.planning import Planned, errors_of, plan
from common.api.batches.reading import read_batch
from common.api.batches.views import (
    BatchDryRunView,
    BatchRefusedView,
    BatchView,
    PlannedView,
    RefusedView,
)
from common.api.bodies.body import read_body
from common.api.bodies.once import Once, OnceParam
from common.api.routes.estimate import estimate_memory
from common.api.routes.repeats import made_before
from common.api.routes.views import ErrorView
from common.api.service import Service, service_of
from common.base.errors.batch import BatchRefused
from common.jobs.batches import Batch

router = APIRouter(tags=["Batches"])

_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"model": BatchDryRunView, "description": "`dry_run`: no batch."},
    409: {"model": ErrorView, "description": "`Idempotency-Key`: its first request is under way."},
    413: {"model": ErrorView, "description": "The body is over the limit."},
    415: {"model": ErrorView, "description": "Neither JSON nor multipart."},
    422: {
        "model": BatchRefusedView | ErrorView,
        "description": "A field of the batch is wrong, every request is, or with `strict` one is:"
        " `members` has each error. Without `members` the batch itself is wrong.",
    },
    429: {"model": ErrorView, "description": "The queue has no room for all; nothing was made."},
    503: {"model": ErrorView, "description": "The job database does not answer."},
    507: {"model": ErrorView, "description": "Too little disk space is left."},
}


@router.post(
    "/generate/batch",
    status_code=202,
    response_model=BatchView,
    responses=_RESPONSES,
    summary="Make many",
)
async def generate_batch(
    request: Request,
    response: Response,
    service: Annotated[Service, Depends(service_of)],
    once: OnceParam,
) -> Any:
    """Queue many jobs as one batch. Poll `GET /batches/{id}`, or watch its events.

    Send whole `requests`, or one `request` with `prompts` and `seeds`: one job for each prompt
    with each seed. Every request is judged by itself. One that cannot be made becomes a member
    with an error and without a job, and the others are made; `strict` refuses the whole instead.
    A 202 means that the batch and all its jobs are on disk; else nothing was made.
    """
    async with read_body(request, batch_reader_of(service.kind)) as body:
        check_count(body.batch, service.settings.max_batch_jobs, service.kind.noun)
        planned = await plan(request, service, body)
        if body.batch.dry_run:
            return _json(await _dry_run(service, planned), 200)
        errors = errors_of(planned)
        if len(errors) == len(planned) or (errors and body.batch.strict):
            return _json(_refusal(body.batch, planned), BatchRefused.status)
        batch = await _made(once, service, body.batch, planned)
    response.headers["Location"] = f"/batches/{batch.id}"
    return await read_batch(service, batch.id)


async def _made(
    once: Once, service: Service, wanted: BatchRequest, planned: Sequence[Planned]
) -> Batch:
    """The batch; the one that its Idempotency-Key has made before, where there is one."""
    if once.key is None:
        return await accept_batch(service, wanted, planned)
    with once.alone():
        use = await once.use(*(one.candidate.body for one in planned if one.candidate))
        first = await once.made(use)
        if first is None or first.batch is None:
            return await accept_batch(service, wanted, planned, use)
    once.replay()
    return await service.queue.read(service.queue.store.batch, first.batch)


def _json(view: BatchDryRunView | BatchRefusedView, status: int) -> Response:
    return Response(view.model_dump_json(), status, media_type="application/json")


def _refusal(batch: BatchRequest, planned: Sequence[Planned]) -> BatchRefusedView:
    errors = errors_of(planned)
    first = errors[0][1]
    error = BatchRefused(
        f"{len(errors)} of {len(planned)} requests cannot be made. The first: {first.message}",
        param=first.param,
        hint="Without strict the others are made." if len(errors) < len(planned) else first.hint,
    )
    members = [RefusedView(index=index, error=error) for index, error in errors]
    return BatchRefusedView(error=error.body, members=members)


async def _dry_run(service: Service, planned: Sequence[Planned]) -> BatchDryRunView:
    members = [await _planned_view(service, index, one) for index, one in enumerate(planned)]
    made = [one.resolved for one in members if one.resolved]
    seconds = [one.seconds for one in members if one.seconds is not None]
    return BatchDryRunView(
        jobs=len(made),
        refused=len(members) - len(made),
        seconds=round(sum(seconds), 1) if made and len(seconds) == len(made) else None,
        video_seconds=round(sum(one.duration for one in made), 3),
        members=members,
    )


async def _planned_view(service: Service, index: int, planned: Planned) -> PlannedView:
    if planned.candidate is None:
        return PlannedView(index=index, error=planned.error)
    resolution = planned.candidate.resolution
    memory = await estimate_memory(service, resolution.request)
    seconds = await service.forecasts.working_seconds(resolution.request)
    return PlannedView(
        index=index,
        resolved=resolution.request,
        adjustments=resolution.adjustments,
        memory=memory,
        seconds=seconds,
        cached_from=await made_before(service, planned.candidate.body, resolution),
    )
