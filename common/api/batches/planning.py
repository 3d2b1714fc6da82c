"""What each request of a batch would become: a job, or an error that leaves the others alone."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from secrets import token_hex
from typing import Any

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from common.api.batches.body import BatchBody, Wish
from common.api.bodies.body import Body, Parsed, checked_body, looked_at
from common.api.bodies.validated import validated
from common.api.service import Service
from common.base.errors import (
    CheckpointError,
    ErrorBody,
    FileGone,
    InvalidRequest,
    JobConflict,
    JobNotFound,
    NotEnoughMemory,
    VideosDGXError,
)
from common.contract import Kind, Resolution, Upload
from common.jobs.batches import LABEL_CHARS
from common.jobs.webhooks.target import check_webhook
from common.memory.fitting import Fitting

_REFUSALS = (InvalidRequest, NotEnoughMemory, JobNotFound, JobConflict, FileGone)
"""Of one request, which leaves the others alone."""


@dataclass(frozen=True)
class Candidate:
    """A request that can be made."""

    job_id: str
    body: Body
    resolution: Resolution


@dataclass(frozen=True)
class Planned:
    """One request of a batch; one of ``candidate`` and ``error`` is None."""

    prompt: str
    candidate: Candidate | None = None
    error: ErrorBody | None = None


async def plan(request: Request, service: Service, body: BatchBody) -> list[Planned]:
    """Judge every request by itself, in order.

    Raises:
        InvalidRequest: a file that all share is wrong.
    """
    shared = await _shared_uploads(request, service, body)
    fitting = await run_in_threadpool(service.fitting)
    planned = []
    for wish in body.batch.wishes():
        try:
            candidate = await _candidate(request, service, wish, shared)
            await run_in_threadpool(_check_memory, fitting, candidate)
            planned.append(Planned(_label(wish), candidate=candidate))
        except _REFUSALS as exc:
            planned.append(Planned(_label(wish), error=_placed(exc, wish)))
    return planned


async def _shared_uploads(
    request: Request, service: Service, body: BatchBody
) -> tuple[Upload, ...]:
    """Look at them once, not once for each request."""
    return await looked_at(request, service.intake.look(None, body.files, token_hex(16), {}))


async def _candidate(
    request: Request, service: Service, wish: Wish, shared: tuple[Upload, ...]
) -> Candidate:
    job_id, kind = token_hex(16), service.kind
    wanted = _validated(kind, wish)
    if not shared:
        body = await checked_body(request, Parsed(wanted), service, job_id)
    else:
        _check_alone(kind, wanted)
        check_webhook(wanted.webhook_url, service.settings)
        body = Body(wanted, tuple(_named(one, job_id) for one in shared))
    return Candidate(job_id, body, await service.intake.resolve(wanted, body.media))


def _check_alone(kind: Kind, wanted: Any) -> None:
    """Whether a request leaves its beginning to the batch. Raises InvalidRequest."""
    for name in sorted(wanted.inline | {each.partition(".")[0] for each in wanted.used_jobs}):
        if getattr(wanted, name) is not None:
            raise InvalidRequest(
                f"{name}: the batch has an upload for all of its {kind.noun}s already.",
                param=name,
                hint="Leave one of them out.",
            )


def _validated(kind: Kind, wish: Wish) -> Any:
    wanted: Any = validated(kind.request, wish.fields)
    if wanted.dry_run:
        raise InvalidRequest(
            "dry_run: it holds for the whole batch only.",
            param="dry_run",
            hint='Send it beside the requests: {"requests": [...], "dry_run": true}.',
        )
    return wanted


def _named(shared: Upload, job_id: str) -> Upload:
    """The shared file under the name of one job."""
    ending = shared.media.name.partition(".")[2]
    return replace(shared, media=replace(shared.media, name=f"{job_id}.{ending}"))


def _check_memory(fitting: Fitting | None, candidate: Candidate) -> None:
    if fitting is not None:
        with suppress(CheckpointError):  # the job fails later, with the reason
            fitting.check(candidate.resolution.request)


def _label(wish: Wish) -> str:
    prompt = wish.fields.get("prompt") if isinstance(wish.fields, dict) else None
    return prompt[:LABEL_CHARS] if isinstance(prompt, str) else ""


def _placed(exc: VideosDGXError, wish: Wish) -> ErrorBody:
    return exc.body.model_copy(update={"param": wish.param(exc.body.param)})


def errors_of(planned: Sequence[Planned]) -> list[tuple[int, ErrorBody]]:
    """The requests that cannot be made, by their index."""
    return [(index, one.error) for index, one in enumerate(planned) if one.error is not None]
